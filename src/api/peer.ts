/**
 * Who is at the other end of a TLS connection: from the client certificate, verified against the cluster's own
 * authorities and taken apart. Used by every door that serves the public API.
 *
 * What it says is true at the moment of the call. Connections live long: expiry and locks are checked again per call.
 */
import type { TLSSocket } from "node:tls";
import { isFault } from "#base/fault.ts";
import type { Identity } from "#identity/identity.ts";
import { decodeSubject } from "#identity/subject.ts";
import { type Certificate, parseCertificate } from "#x509/certificate.ts";
import { verifyCertificate } from "#x509/verify.ts";

/** The peer of a connection. Without an identity it is a stranger. */
export interface Peer {
  readonly identity?: Identity;
  /** The verified certificate that the identity was read from. */
  readonly certificate?: Certificate;
  /** IP address, without a port. */
  readonly address: string;
}

/** The authorities whose certificates identify peers. */
export interface PeerAuthorities {
  readonly user: readonly Certificate[];
  readonly host: readonly Certificate[];
}

/**
 * The peer of a socket after its handshake. A certificate that does not verify makes a stranger, whatever the reason:
 * `socket.authorized` alone is not believed, because it knows nothing of authorities for people and for hosts.
 */
export function peerOf(socket: TLSSocket, authorities: PeerAuthorities, now: Date): Peer {
  const address = (socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  const raw = socket.authorized ? socket.getPeerCertificate().raw : undefined;
  return raw ? identifyCertificate(raw, authorities, now, address) : { address };
}

/** The peer that a client certificate (DER) describes. */
export function identifyCertificate(
  der: Uint8Array,
  authorities: PeerAuthorities,
  now: Date,
  address: string,
): Peer {
  for (const kind of ["user", "host"] as const) {
    try {
      const certificate = parseCertificate(der);
      verifyCertificate(certificate, authorities[kind], now, "clientAuth");
      const identity = decodeSubject(certificate.subject, certificate.notAfter, kind);
      return { identity, certificate, address };
    } catch (error) {
      if (!isFault(error, "unproven", "malformed", "invalid")) throw error;
    }
  }
  return { address };
}
