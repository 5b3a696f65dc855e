/**
 * A fake cluster for client tests: one TLS port with the doors that a client uses, real certificates, a real SSH server,
 * and scripted answers of auth. It checks no password and knows no roles; device authentication is simulated: any
 * answer to its challenge is believed.
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { text as readText } from "node:stream/consumers";
import { createServer, type TLSSocket } from "node:tls";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { GrpcServer } from "#api/grpc/server.ts";
import { registerTransport } from "#api/transport.ts";
import { encodeFrame, readFrame } from "#api/tunnel/frame.ts";
import { splice } from "#api/tunnel/stream.ts";
import { Fault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import { privateHalves } from "#client/cluster/keys.ts";
import type { ProfileDocument } from "#client/profile/document.ts";
import type { StoredCredentials } from "#client/profile/store.ts";
import type { HostAuthority } from "#client/profile/trust.ts";
import { type DescribeDeviceResponseSchema, ExplainService } from "#gen/gatehouse/v1/admin_pb.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import { DeviceTrustService } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import { encodeExtensions } from "#identity/extensions.ts";
import type { DeviceExtensions, UserIdentity } from "#identity/identity.ts";
import { encodeSubject } from "#identity/subject.ts";
import { issueCertificate as issueSsh, parseCertificate as parseSsh } from "#ssh/certificate.ts";
import {
  decodePublicKey,
  encodePublicKey,
  formatAuthorizedKey,
  parseAuthorizedKey,
} from "#ssh/public-key.ts";
import { keySigner } from "#ssh/signer.ts";
import { issueAuthority } from "#x509/authority.ts";
import { parseCertificate } from "#x509/certificate.ts";
import { purposes } from "#x509/extensions.ts";
import { issueCertificate, randomSerial } from "#x509/issue.ts";
import { attributes } from "#x509/name.ts";
import { formatCertificatePem } from "#x509/pem.ts";
import { keyIdOf } from "#x509/public-key.ts";
import { signerOf } from "#x509/signer.ts";
import { makeUser, testDevice } from "../identity.ts";
import { TestSshServer } from "../ssh-server.ts";

/** Name of the fake cluster. */
export const clusterName = "example.com";
/** Host name of its one node. */
export const nodeName = "ip-172-31-35-170";
const nodeId = "b5058b0c-6751-4b14-9c69-4e92e628f2b2";

/** How the fake behaves. */
export interface FakeClusterOptions {
  /** False: the proxy is of another make, and speaks only the public API. */
  readonly tunnel?: boolean;
  /** What AuthenticateDevice does: mark the certificates, refuse, or answer with only half of a success. */
  readonly device?: "accept" | "refuse" | "half";
  /** Name that ping gives the cluster. */
  readonly pingName?: string;
  /** The signature suite that ping names; empty for a cluster that knows none and takes one key for both protocols. */
  readonly suite?: string;
  /** What auth says of the device that is asked about; undefined: it does not know the question. */
  readonly description?: MessageInitShape<typeof DescribeDeviceResponseSchema>;
  /** How far the proxy's clock is ahead, in ms. */
  readonly clockAheadMs?: number;
}

/** A running fake. */
export interface FakeCluster {
  readonly port: number;
  readonly ssh: TestSshServer;
  /** gRPC calls and tunnel requests, in order. */
  readonly calls: string[];
  readonly document: ProfileDocument;
  readonly authorities: readonly HostAuthority[];
  /** A login of alice, as the profile stores it. */
  credentials(changes?: Partial<UserIdentity>): StoredCredentials;
  /** Ends every open connection in good order, as a proxy does that restarts; resolves when the clients saw it. */
  dropConnections(): Promise<void>;
  close(): Promise<void>;
}

/** Starts one on loopback. */
export async function startFakeCluster(options: FakeClusterOptions = {}): Promise<FakeCluster> {
  const authority = makeAuthorities();
  const calls: string[] = [];
  const ssh = await TestSshServer.start({
    hostKeys: [authority.hostKey([nodeName, nodeId, `${nodeName}.${clusterName}`])],
    userAuthorities: [authority.userSsh.publicKey],
  });
  const grpc = serveAuth(authority, options, calls);
  const host = authority.hostCertificate();
  const sockets = new Set<TLSSocket>();
  let port = 0;
  const dialSsh = async (target: string) => {
    calls.push(`dial ${target}`);
    if (!target.startsWith(nodeName) && !target.startsWith(nodeId)) {
      throw new Fault("not-found", `no node is called ${target}`, { hint: "see tsh ls" });
    }
    const socket = connect({ host: "127.0.0.1", port: ssh.port, allowHalfOpen: true });
    await once(socket, "connect");
    return socket;
  };
  registerTransport(grpc, {
    dialSsh: ({ hostPort }) => dialSsh(hostPort),
    dialCluster: async () => {
      throw new Fault("unimplemented", "not here");
    },
  });
  const web = serveWeb(authority, options, calls, () => port);
  const server = createServer(
    {
      ...host,
      ca: [authority.userTlsPem],
      requestCert: true,
      rejectUnauthorized: false,
      allowHalfOpen: true,
      ALPNCallback: ({ protocols }) =>
        [
          "gatehouse-tunnel",
          "teleport-proxy-ssh-grpc",
          "h2",
          "teleport-reversetunnel",
          "http/1.1",
        ].find(
          (name) =>
            protocols.includes(name) && (name !== "gatehouse-tunnel" || options.tunnel !== false),
        ),
    },
    (socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      socket.on("error", () => {});
      if (socket.alpnProtocol === "http/1.1") {
        web.emit("connection", socket);
        return;
      }
      if (!socket.authorized) {
        socket.destroy();
        return;
      }
      if (socket.alpnProtocol !== "gatehouse-tunnel") {
        grpc.accept(socket, undefined);
        return;
      }
      void serveTunnel(socket, dialSsh, calls);
    },
  );
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    port,
    ssh,
    calls,
    document: {
      webProxyAddr: `localhost:${port}`,
      kubeProxyAddr: "",
      user: "alice",
      cluster: clusterName,
      tlsRouting: true,
      connectionUpgrade: false,
    },
    authorities: [
      {
        cluster: clusterName,
        sshKeys: [formatAuthorizedKey(authority.hostSsh.publicKey)],
        tlsCertificates: [authority.hostTlsPem],
      },
    ],
    credentials: (changes = {}) => authority.credentials(changes),
    async dropConnections() {
      const open = [...sockets];
      for (const socket of open) socket.end();
      await Promise.all(open.map((socket) => socket.closed || once(socket, "close")));
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await grpc.close();
      await ssh.close();
    },
  };
}

async function serveTunnel(
  socket: TLSSocket,
  dialSsh: (target: string) => Promise<Duplex>,
  calls: string[],
): Promise<void> {
  const { target, login } = (await readFrame(socket, 2, 65_535)) as {
    target: string;
    login: string;
  };
  calls.push(`tunnel ${login}@${target}`);
  try {
    const node = await dialSsh(target);
    socket.write(encodeFrame({ ok: true }, 2));
    await splice(socket, node);
  } catch (error) {
    const { code, message, hint } = error as Fault;
    socket.end(encodeFrame({ ok: false, code, message, hint }, 2));
  }
}

type Authorities = ReturnType<typeof makeAuthorities>;

/** The login endpoints. The right password is "hunter2", the right code "123456". */
function serveWeb(
  authority: Authorities,
  { pingName = clusterName, suite = "balanced-v1", clockAheadMs = 0 }: FakeClusterOptions,
  calls: string[],
  port: () => number,
): HttpServer {
  return createHttpServer((request, response) => {
    void json(request).then((body) => {
      const path = request.url ?? "";
      calls.push(path);
      const send = (status: number, value: unknown) => {
        const date = new Date(Date.now() + clockAheadMs).toUTCString();
        response.writeHead(status, { "content-type": "application/json", date });
        response.end(JSON.stringify(value));
      };
      if (path === "/webapi/ping") {
        const ssh = { public_addr: `localhost:${port()}` };
        return send(200, {
          auth: {
            second_factor: "on",
            ...(suite === "" ? {} : { signature_algorithm_suite: suite }),
          },
          proxy: { ssh, kube: { enabled: true } },
          cluster_name: pingName,
        });
      }
      const given = body as Record<string, string>;
      const password = given["pass"] ?? given["password"];
      const finish = path.endsWith("/finish");
      if (password !== "hunter2" || (finish && given["totp_code"] !== "123456")) {
        const message = "invalid username, password or second factor";
        return send(403, { error: { message } });
      }
      if (!finish) return send(200, { totp_challenge: true });
      const text = (name: string) => Buffer.from(given[name] ?? "", "base64").toString();
      const encode = (value: string) => Buffer.from(value).toString("base64");
      const login = makeLogin({ username: given["user"] ?? "" });
      const sshKey = parseAuthorizedKey(text(suite === "" ? "pub_key" : "ssh_pub_key")).blob;
      const tlsKey =
        suite === "" ? decodePublicKey(sshKey).key : createPublicKey(text("tls_pub_key"));
      return send(200, {
        username: given["user"],
        cert: encode(authority.sshCertificate(sshKey, login)),
        tls_cert: encode(authority.tlsCertificate(tlsKey, login)),
        host_signers: [
          {
            domain_name: clusterName,
            checking_keys: [encode(formatAuthorizedKey(authority.hostSsh.publicKey))],
            tls_certs: [encode(authority.hostTlsPem)],
          },
        ],
      });
    });
  });
}

function serveAuth(
  authority: Authorities,
  { device = "accept", description }: FakeClusterOptions,
  calls: string[],
): GrpcServer<undefined> {
  const server = new GrpcServer<undefined>({
    intercept: ({ path }) => {
      calls.push(path.split("/").at(-1) ?? path);
    },
  });
  server.register(AuthService, {
    generateUserCerts: ({ SSHPublicKey, TLSPublicKey }) => {
      const ssh = parseAuthorizedKey(Buffer.from(SSHPublicKey).toString()).blob;
      const tls = createPublicKey(Buffer.from(TLSPublicKey).toString());
      authority.lastTls = tls;
      return {
        SSH: Buffer.from(authority.sshCertificate(ssh, makeLogin())),
        TLS: Buffer.from(authority.tlsCertificate(tls, makeLogin())),
      };
    },
    listUnifiedResources: ({ StartKey, PredicateExpression }) => {
      if (PredicateExpression === "foo(") {
        throw new Fault("invalid", 'expected ")" at 1:5', { hint: "close the parenthesis" });
      }
      // Two pages, so that a client that forgets to go on is found out.
      return StartKey === ""
        ? { Resources: [node(nodeName, nodeId, true)], NextKey: "more" }
        : { Resources: [node("db-1", "aaf9e1e3-5494-4216-bf4c-742a128b7baf", false)], NextKey: "" };
    },
  });
  if (description !== undefined) {
    server.register(ExplainService, {
      describeDevice({ osType, assetTag, credentialId }) {
        calls.push(`asked about ${osType} ${assetTag} ${credentialId}`.trim());
        return description;
      },
    });
  }
  server.register(DeviceTrustService, {
    authenticateDevice: async (stream) => {
      const init = await stream.receive();
      if (init?.payload.case !== "init") throw new Fault("invalid", "no init");
      const line = Buffer.from(init.payload.value.userCertificates?.sshAuthorizedKey ?? []);
      if (device === "refuse") throw new Fault("access-denied", "the device is not enrolled");
      await stream.send({
        payload: { case: "tpmChallenge", value: { attestationNonce: randomBytes(32) } },
      });
      await stream.receive();
      const plain = parseSsh(parseAuthorizedKey(line.toString()).blob);
      const marked = makeLogin({ device: testDevice });
      const x509 = authority.tlsDer(authority.lastTls, marked);
      await stream.send({
        payload: {
          case: "userCertificates",
          value: {
            x509Der: x509,
            sshAuthorizedKey:
              device === "half"
                ? new Uint8Array(0)
                : Buffer.from(authority.sshCertificate(plain.key.blob, marked)),
          },
        },
      });
    },
  });
  return server;
}

function node(hostname: string, id: string, tunnel: boolean) {
  return {
    resource: {
      case: "Node" as const,
      value: {
        Kind: "node",
        Version: "v2",
        Metadata: { Name: id, Labels: { env: "dev", "teleport.internal/x": "hidden" } },
        Spec: { Hostname: hostname, UseTunnel: tunnel, Addr: tunnel ? "" : "10.0.0.7:22" },
      },
    },
  };
}

async function json(stream: NodeJS.ReadableStream): Promise<unknown> {
  const body = await readText(stream);
  return body === "" ? {} : JSON.parse(body);
}

/** Alice, with a login that is good for an hour. */
function makeLogin(changes: Partial<UserIdentity> & { device?: DeviceExtensions } = {}) {
  const expires = new Date(Math.floor(Date.now() / 1000) * 1000 + 3_600_000);
  return makeUser({ expires, loginIp: "127.0.0.1", ...changes });
}

function makeAuthorities() {
  const p256 = () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const ed25519 = () => generateKeyPairSync("ed25519").privateKey;
  const validity = {
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 86_400_000),
  };
  const makeTls = () => {
    const signer = signerOf(p256());
    const der = issueAuthority({ clusterName, ...validity, random: systemRandom }, signer);
    return { signer, certificate: parseCertificate(der), pem: formatCertificatePem(der) };
  };
  const [userTls, hostTls] = [makeTls(), makeTls()];
  const [userSsh, hostSsh] = [keySigner(ed25519()), keySigner(ed25519())];
  const issueTls = (
    authority: typeof userTls,
    publicKey: Uint8Array,
    contents: Pick<Parameters<typeof issueCertificate>[0], "subject" | "notAfter" | "dnsNames">,
  ) =>
    issueCertificate(
      {
        serial: randomSerial(systemRandom),
        issuer: authority.certificate.subject,
        notBefore: validity.notBefore,
        publicKey,
        keyUsage: ["digitalSignature", "keyEncipherment"],
        extendedKeyUsage: [purposes.serverAuth, purposes.clientAuth],
        authorityKeyId: keyIdOf(authority.signer.publicKey),
        ...contents,
      },
      authority.signer,
    );
  const spki = (key: KeyObject) =>
    new Uint8Array(createPublicKey(key).export({ type: "spki", format: "der" }));
  const authority = {
    userSsh,
    hostSsh,
    userTlsPem: userTls.pem,
    hostTlsPem: hostTls.pem,
    /** The key of the last certificate that was asked for: the fake marks that one. */
    lastTls: p256() as KeyObject,
    hostCertificate() {
      const key = p256();
      const der = issueTls(hostTls, spki(key), {
        subject: [{ type: attributes.commonName, value: `proxy.${clusterName}` }],
        notAfter: validity.notAfter,
        dnsNames: ["*.teleport.cluster.local", "teleport.cluster.local"],
      });
      const pem = key.export({ type: "pkcs8", format: "pem" }).toString();
      return { key: pem, cert: formatCertificatePem(der) };
    },
    hostKey(principals: readonly string[]) {
      const signer = keySigner(ed25519());
      const certificate = issueSsh(
        {
          type: "host",
          publicKey: signer.publicKey,
          serial: 1n,
          keyId: nodeId,
          principals,
          validAfter: validity.notBefore,
          validBefore: validity.notAfter,
        },
        hostSsh,
        systemRandom,
      );
      return { signer, certificate };
    },
    tlsDer(key: KeyObject, identity: UserIdentity) {
      const publicKey = new Uint8Array(
        (key.type === "public" ? key : createPublicKey(key)).export({
          type: "spki",
          format: "der",
        }),
      );
      return issueTls(userTls, publicKey, {
        subject: encodeSubject(identity),
        notAfter: identity.expires,
      });
    },
    tlsCertificate(key: KeyObject, identity: UserIdentity) {
      return formatCertificatePem(authority.tlsDer(key, identity));
    },
    sshCertificate(publicKey: Uint8Array, identity: UserIdentity) {
      const encoded = encodeExtensions(identity, systemRandom);
      const blob = issueSsh(
        {
          type: "user",
          publicKey,
          serial: 1n,
          validAfter: validity.notBefore,
          validBefore: identity.expires,
          ...encoded,
        },
        userSsh,
        systemRandom,
      );
      return formatAuthorizedKey(blob);
    },
    credentials(changes: Partial<UserIdentity>): StoredCredentials {
      const keys = { ssh: ed25519(), tls: p256() };
      const halves = privateHalves(keys, "alice");
      const identity = makeLogin(changes);
      const sshPublic = encodePublicKey(keys.ssh);
      return {
        sshKey: halves.ssh,
        sshPublicKey: `${formatAuthorizedKey(sshPublic)} alice\n`,
        sshCertificate: `${authority.sshCertificate(sshPublic, identity)}\n`,
        tlsKey: halves.tls,
        tlsCertificate: authority.tlsCertificate(keys.tls, identity),
      };
    },
  };
  return authority;
}
