/**
 * TLS connections of an agent to the one port of the proxy. The server always proves itself with the host authority of
 * the cluster: the one that signed this host's own certificate, or before joining the one whose pin the configuration
 * names.
 */
import { createHash, X509Certificate } from "node:crypto";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { hex } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { Logger } from "#base/log.ts";
import { parseCertificate } from "#x509/certificate.ts";
import { verifyCertificate } from "#x509/verify.ts";

/** Where the proxy is. */
export interface ProxyAddress {
  readonly host: string;
  readonly port: number;
}

/** This host's certificate, and the authorities of the cluster: PEM texts. */
export interface HostTls {
  readonly key: string;
  readonly certificate: string;
  readonly authorities: readonly string[];
}

/** The name under which the proxy shows its certificate of the host authority (public API). */
const serverName = "teleport.cluster.local";
const timeoutMs = 15_000;

/** Connects as this host. Throws `unavailable` or `unproven`. */
export function dialAsHost(
  address: ProxyAddress,
  protocol: string,
  { key, certificate, authorities }: HostTls,
): Promise<TLSSocket> {
  const own = new X509Certificate(certificate);
  // Other authorities of the cluster sign for people; none of their certificates may pass for the proxy's.
  const ca = authorities.filter((pem) => isIssuer(pem, own));
  return dial(address, protocol, { key, cert: certificate, ca });
}

/** What is known of a cluster that this host has not joined yet. */
export interface Bootstrap {
  /** `sha256:` and the SHA-256 of the authority's SubjectPublicKeyInfo in hexadecimal; none: trust on first use. */
  readonly caPins: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Connects as a stranger. Throws `unproven` when the proxy's authority is not one of the pins. */
export async function dialAsStranger(
  address: ProxyAddress,
  protocol: string,
  { caPins, clock, logger }: Bootstrap,
): Promise<TLSSocket> {
  const socket = await dial(address, protocol, { rejectUnauthorized: false });
  if (caPins.length === 0) {
    logger.warn("joining without a CA pin: the proxy is trusted on first use", {
      hint: "set ca_pin in the configuration; tctl status prints it",
    });
    return socket;
  }
  try {
    assertPinned(socket.getPeerX509Certificate(), caPins, clock.now());
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** The pin of an authority's certificate. */
export function pinOf(certificate: X509Certificate): string {
  const spki = certificate.publicKey.export({ type: "spki", format: "der" });
  return `sha256:${hex(createHash("sha256").update(spki).digest())}`;
}

/** Checks the leaf against the authority that the proxy shows with it, and that authority against the pins. */
export function assertPinned(
  leaf: X509Certificate | undefined,
  pins: readonly string[],
  now: Date,
): void {
  const authority = leaf?.issuerCertificate;
  if (leaf === undefined || authority === undefined) {
    throw new Fault(
      "unproven",
      "the proxy does not show its authority, so the CA pin is of no use",
    );
  }
  if (!pins.some((pin) => pin.toLowerCase() === pinOf(authority))) {
    throw new Fault("unproven", "the authority of the proxy is not the one of the CA pin", {
      hint: "compare ca_pin with what tctl status prints on the auth host",
    });
  }
  const issuer = parseCertificate(new Uint8Array(authority.raw));
  verifyCertificate(parseCertificate(new Uint8Array(leaf.raw)), [issuer], now, "serverAuth");
  if (leaf.checkHost(serverName) === undefined) {
    throw new Fault("unproven", "the certificate of the proxy is for another name");
  }
}

function isIssuer(pem: string, own: X509Certificate): boolean {
  const authority = new X509Certificate(pem);
  return own.checkIssued(authority) && own.verify(authority.publicKey);
}

function dial(
  address: ProxyAddress,
  protocol: string,
  options: ConnectionOptions,
): Promise<TLSSocket> {
  const where = `${address.host}:${address.port}`;
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...address,
      ...options,
      ALPNProtocols: [protocol],
      servername: serverName,
      minVersion: "TLSv1.2",
    });
    socket.setNoDelay(true);
    socket.setTimeout(timeoutMs, () =>
      socket.destroy(new Fault("timeout", `the proxy at ${where} does not answer`)),
    );
    const fail = (error: Error): void => reject(explain(error, where));
    socket.once("error", fail);
    socket.once("secureConnect", () => {
      socket.setTimeout(0);
      socket.off("error", fail);
      socket.on("error", () => socket.destroy());
      if (socket.alpnProtocol === protocol) return resolve(socket);
      socket.destroy();
      return reject(new Fault("unimplemented", `${where} does not serve agents (${protocol})`));
    });
  });
}

function explain(error: Error, where: string): Fault {
  if (isFault(error)) return error;
  const code = String((error as { code?: string }).code ?? "");
  if (/CERT|SIGNATURE|ALTNAME|SELF_SIGNED/.test(code)) {
    return new Fault("unproven", `the server at ${where} does not belong to this cluster`, {
      cause: error,
    });
  }
  return new Fault("unavailable", `the proxy at ${where} cannot be reached`, { cause: error });
}
