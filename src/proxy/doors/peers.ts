/**
 * Who comes through the doors that need a certificate, and a register of their open connections: a lock or an expiry
 * ends what was opened before it.
 */
import { decideIdentity } from "#access/decide-access.ts";
import { refusalFault } from "#access/decision.ts";
import type { AuthorityFeed } from "#api/authority-feed.ts";
import { type Peer, type PeerAuthorities, peerOf } from "#api/peer.ts";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { UserIdentity } from "#identity/identity.ts";
import { parseCertificate } from "#x509/certificate.ts";
import { parsePem } from "#x509/pem.ts";
import type { Connection } from "../front-door.ts";

/** Identifies peers and holds them to the rules of the cluster as the proxy knows them. */
export class PeerCheck {
  readonly #feed: AuthorityFeed;
  readonly #clock: Clock;

  constructor(feed: AuthorityFeed, clock: Clock) {
    this.#feed = feed;
    this.#clock = clock;
  }

  /** The peer of a connection; a stranger when its certificate is not good. */
  identify({ socket }: Connection): Peer {
    return peerOf(socket, this.#authorities(), this.#clock.now());
  }

  /** The person at the other end, who must be good right now. Throws `unproven`, `locked` or `access-denied`. */
  requireUser(peer: Peer): UserIdentity {
    const { identity, address } = peer;
    if (identity?.kind !== "user") {
      throw new Fault("unproven", "this needs the certificate of a user", {
        hint: "log in first: tsh login",
      });
    }
    const preference = this.#feed.documents("cluster_auth_preference").values().next().value;
    if (!preference)
      throw new Fault("unavailable", "the proxy does not know the rules of the cluster yet");
    const policy = {
      roles: this.#feed.documents("role"),
      locks: [...this.#feed.documents("lock").values()],
      authPreference: preference,
      current: this.#feed.current,
    };
    const decision = decideIdentity({
      identity,
      policy,
      now: this.#clock.now(),
      clientIp: address,
    });
    if (!decision.allowed) throw refusalFault(decision.reason);
    return identity;
  }

  #authorities(): PeerAuthorities {
    const certificatesOf = (type: "user" | "host") => {
      const keys = this.#feed.documents("cert_authority").get(type)?.spec.active_keys.tls ?? [];
      return keys.map(({ cert }) => cached(cert));
    };
    return { user: certificatesOf("user"), host: certificatesOf("host") };
  }
}

const parsed = new Map<string, ReturnType<typeof parseCertificate>>();

/** Authorities are few and rarely change: each PEM is taken apart once. */
function cached(base64Pem: string): ReturnType<typeof parseCertificate> {
  const known = parsed.get(base64Pem);
  if (known) return known;
  const [der] = parsePem("CERTIFICATE", Buffer.from(base64Pem, "base64").toString("utf8"));
  const certificate = parseCertificate(der ?? new Uint8Array());
  if (parsed.size > 64) parsed.clear();
  parsed.set(base64Pem, certificate);
  return certificate;
}
