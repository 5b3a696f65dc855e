/** How tctl finds the cluster: the administrator's identity in a data folder, against a TLS server with real certificates. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { create } from "@bufbuild/protobuf";
import { GrpcServer } from "#api/grpc/server.ts";
import { type Fault, isFault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import { PingResponseSchema } from "#gen/proto/features_pb.ts";
import { issueAuthority } from "#x509/authority.ts";
import { parseCertificate } from "#x509/certificate.ts";
import { purposes } from "#x509/extensions.ts";
import { issueCertificate, randomSerial } from "#x509/issue.ts";
import { attributes } from "#x509/name.ts";
import { formatCertificatePem } from "#x509/pem.ts";
import { keyIdOf } from "#x509/public-key.ts";
import { signerOf } from "#x509/signer.ts";
import { makeKey } from "../../test/support/certificates.ts";
import { connectAuth } from "./connect.ts";
import { findDataDir } from "./local-admin.ts";
import type { SharedFlags } from "./services.ts";

const cluster = "example.com";
const serverName = `${Buffer.from(cluster).toString("hex")}.teleport.cluster.local`;
const noFlags: SharedFlags = { config: undefined, dataDir: undefined, authServer: undefined };

let folder = "";
let server: Server;
let grpc: GrpcServer<undefined>;
const seen: { name: string | false | null; protocol: unknown; peer: string }[] = [];

/** A key and a certificate that a new authority of the cluster signed, with the authority. */
function makeIdentity() {
  const authorityKey = makeKey("p256");
  const signer = signerOf(authorityKey);
  const notBefore = new Date(Date.now() - 60_000);
  const notAfter = new Date(Date.now() + 3_600_000);
  const random = systemRandom;
  const root = issueAuthority({ clusterName: cluster, notBefore, notAfter, random }, signer);
  const issuer = parseCertificate(root).subject;
  return {
    ca: formatCertificatePem(root),
    issue(name: string) {
      const key = makeKey("p256");
      const der = issueCertificate(
        {
          serial: randomSerial(random),
          issuer,
          subject: [{ type: attributes.commonName, value: name }],
          notBefore,
          notAfter,
          publicKey: signerOf(key).publicKey,
          keyUsage: ["digitalSignature"],
          extendedKeyUsage: [purposes.serverAuth, purposes.clientAuth],
          dnsNames: [serverName],
          authorityKeyId: keyIdOf(signer.publicKey),
        },
        signer,
      );
      return {
        cert: formatCertificatePem(der),
        key: key.export({ type: "pkcs8", format: "pem" }).toString(),
      };
    },
  };
}

async function writeAdmin(dataDir: string, files: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(join(dataDir, "admin"), { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(dataDir, "admin", name), text, { mode: 0o600 });
  }
}

describe("on the auth host", () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tctl-connect-"));
    const identity = makeIdentity();
    const { cert, key } = identity.issue("auth.example.com");
    grpc = new GrpcServer();
    grpc.register(AuthService, {
      ping: async () =>
        create(PingResponseSchema, { ClusterName: cluster, ServerVersion: "18.0.0" }),
    });
    server = createServer(
      { cert, key, ca: identity.ca, requestCert: true, ALPNProtocols: ["h2"] },
      (socket: TLSSocket) => {
        seen.push({
          name: socket.servername,
          protocol: socket.alpnProtocol,
          peer: socket.authorized ? String(socket.getPeerCertificate().subject.CN) : "",
        });
        grpc.accept(socket, undefined);
      },
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const admin = identity.issue("b2f4c1de.example.com");
    await writeAdmin(folder, {
      "admin.crt": admin.cert,
      "admin.key": admin.key,
      "ca.pem": identity.ca,
      address: `127.0.0.1:${(server.address() as AddressInfo).port}\n`,
    });
  });

  after(async () => {
    await grpc.close();
    server.close();
    await rm(folder, { recursive: true });
  });

  test("needs no login: presents the administrator's certificate, names the cluster, speaks h2", async () => {
    const auth = await connectAuth({ ...noFlags, dataDir: folder }, {});
    try {
      const { name, serverVersion, proxyAddress } = await auth.ping();
      assert.deepEqual([name, serverVersion, proxyAddress], [cluster, "18.0.0", undefined]);
    } finally {
      await auth.close();
    }
    assert.deepEqual(seen, [{ name: serverName, protocol: "h2", peer: "b2f4c1de.example.com" }]);
  });

  test("finds the data folder through the config file, relative to that file", async () => {
    const config = join(folder, "gatehouse.yaml");
    await writeFile(config, "version: v3\nteleport:\n  data_dir: .\n");
    const auth = await connectAuth({ ...noFlags, config }, {});
    assert.equal((await auth.ping()).name, cluster);
    await auth.close();
  });

  test("says that the service is another cluster's when its certificate does not fit", async () => {
    const other = join(folder, "other");
    const identity = makeIdentity();
    const admin = identity.issue("x.example.com");
    await writeAdmin(other, {
      "admin.crt": admin.cert,
      "admin.key": admin.key,
      "ca.pem": identity.ca,
      address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    });
    const auth = await connectAuth({ ...noFlags, dataDir: other }, {});
    await assert.rejects(auth.ping(), faultLike("unproven", /does not belong to/, /--data-dir/));
    await auth.close();
  });

  test("says how to start a service that does not run", async () => {
    const stopped = join(folder, "stopped");
    const identity = makeIdentity();
    const admin = identity.issue("x.example.com");
    const closed = createServer();
    closed.listen(0, "127.0.0.1");
    await once(closed, "listening");
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, "close");
    await writeAdmin(stopped, {
      "admin.crt": admin.cert,
      "admin.key": admin.key,
      "ca.pem": identity.ca,
      address: `127.0.0.1:${port}`,
    });
    const auth = await connectAuth({ ...noFlags, dataDir: stopped }, {});
    await assert.rejects(
      auth.ping(),
      faultLike("unavailable", /cannot reach the auth service/, /gatehouse start --data-dir=/),
    );
    await auth.close();
  });

  test("names what is missing or damaged", async () => {
    const empty = join(folder, "empty");
    await mkdir(empty);
    await assert.rejects(
      connectAuth({ ...noFlags, dataDir: empty }, {}),
      faultLike("environment", /no administrator's identity/, /--data-dir/),
    );
    const damaged = join(folder, "damaged");
    await writeAdmin(damaged, {
      "admin.crt": "nonsense",
      "admin.key": "",
      "ca.pem": "",
      address: "127.0.0.1:1",
    });
    await assert.rejects(
      connectAuth({ ...noFlags, dataDir: damaged }, {}),
      faultLike("malformed", /is damaged/, /restart/),
    );
    await assert.rejects(
      connectAuth({ ...noFlags, config: join(folder, "nope.yaml") }, {}),
      faultLike("environment", /cannot read the configuration file/, /--data-dir=DIR/),
    );
  });
});

test("the data folder: flag, config file, default", async () => {
  const temporary = await mkdtemp(join(tmpdir(), "tctl-config-"));
  try {
    const config = join(temporary, "c.yaml");
    await writeFile(config, "version: v3\n");
    assert.equal(await findDataDir("/srv/x", config), "/srv/x");
    assert.equal(await findDataDir(undefined, config), "/var/lib/gatehouse");
    await writeFile(config, "teleport:\n  data_dir: data\n");
    assert.equal(await findDataDir(undefined, config), join(temporary, "data"));
  } finally {
    await rm(temporary, { recursive: true });
  }
});

test("elsewhere, without a login, says both ways to go on", async () => {
  const home = await mkdtemp(join(tmpdir(), "tctl-home-"));
  try {
    await assert.rejects(
      connectAuth({ ...noFlags, authServer: "proxy.example.com:443" }, { TELEPORT_HOME: home }),
      faultLike("not-found", /not logged in at proxy.example.com/, /tsh login --proxy=/),
    );
  } finally {
    await rm(home, { recursive: true });
  }
});

function faultLike(code: Fault["code"], message: RegExp, hint: RegExp | undefined) {
  return (error: unknown) => {
    assert.ok(isFault(error), String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    if (hint !== undefined) assert.match(error.hint ?? "", hint);
    return true;
  };
}
