/**
 * A local port behind which a Kubernetes cluster is. Both ends of it hold one key that is made for this port: whoever else
 * is on this machine can neither use the port nor stand in for it. The key that the cluster knows stays in memory.
 */
import { generateKeyPairSync } from "node:crypto";
import { createServer, type TLSSocket } from "node:tls";
import { splice } from "#api/tunnel/stream.ts";
import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import { purposes } from "#x509/extensions.ts";
import { issueCertificate, randomSerial } from "#x509/issue.ts";
import { attributes } from "#x509/name.ts";
import { formatCertificatePem } from "#x509/pem.ts";
import { signerOf } from "#x509/signer.ts";
import type { ClusterAccess } from "../access.ts";

/** What a local end needs. */
export interface KubeEndOptions {
  readonly access: Pick<ClusterAccess, "dialKube">;
  readonly kubeCluster: string;
  /** Zero lets the system choose. */
  readonly port: number;
  /** Hears why a connection could not be made. */
  readonly onFailure: (error: unknown) => void;
  readonly clock: Clock;
  readonly random: Random;
}

/** A port that is open. */
export interface KubeEnd {
  readonly port: number;
  /** A kubeconfig that leads to the port, with the port's own key in it. */
  readonly kubeconfig: string;
  close(): Promise<void>;
}

const lifetimeMs = 30 * 24 * 3_600_000;
const host = "127.0.0.1";

/** Listens on the loopback. Throws `environment` when the port is taken. */
export async function openKubeEnd(options: KubeEndOptions): Promise<KubeEnd> {
  const { access, kubeCluster, onFailure } = options;
  const pair = makeKeyPair(options);
  const open = new Set<TLSSocket>();
  const server = createServer(
    {
      ...{ cert: pair.certificate, key: pair.key, ca: [pair.certificate] },
      ...{ requestCert: true, rejectUnauthorized: true, ALPNProtocols: ["http/1.1"] },
    },
    (socket) => {
      open.add(socket);
      socket.on("error", () => socket.destroy());
      socket.once("close", () => open.delete(socket));
      socket.setNoDelay(true);
      access.dialKube(kubeCluster).then(
        (stream) => splice(socket, stream),
        (error: unknown) => {
          onFailure(error);
          socket.destroy();
        },
      );
    },
  );
  server.on("tlsClientError", (_, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, host, resolve);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    port,
    kubeconfig: kubeconfigOf(kubeCluster, port, pair),
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** One certificate that signs itself, for both ends. */
function makeKeyPair({ clock, random }: Pick<KubeEndOptions, "clock" | "random">): KeyPair {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signer = signerOf(privateKey);
  const subject = [{ type: attributes.commonName, value: "Gatehouse, local port" }];
  const now = clock.now().getTime();
  const der = issueCertificate(
    {
      serial: randomSerial(random),
      ...{ issuer: subject, subject, publicKey: signer.publicKey },
      notBefore: new Date(now - 60_000),
      notAfter: new Date(now + lifetimeMs),
      keyUsage: ["digitalSignature"],
      extendedKeyUsage: [purposes.serverAuth, purposes.clientAuth],
      ipAddresses: [host],
    },
    signer,
  );
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { certificate: formatCertificatePem(der), key };
}

function kubeconfigOf(name: string, port: number, { certificate, key }: KeyPair): string {
  const encode = (text: string) => Buffer.from(text).toString("base64");
  const cluster = {
    server: `https://${host}:${port}`,
    "certificate-authority-data": encode(certificate),
  };
  const user = { "client-certificate-data": encode(certificate), "client-key-data": encode(key) };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    clusters: [{ name, cluster }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  };
  // JSON is YAML, and kubectl reads both.
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
