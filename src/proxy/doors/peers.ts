/**
 * Who comes through the doors that need a certificate. Peers are held to the rules of the cluster when they come, and to
 * its locks for as long as something of theirs is open: a lock ends what was opened before it.
 */
import { decideIdentity } from "#access/decide-access.ts";
import { assertAllowed } from "#access/decision.ts";
import { findLock } from "#access/locks.ts";
import type { AuthorityFeed } from "#api/authority-feed.ts";
import { type Peer, type PeerAuthorities, peerOf } from "#api/peer.ts";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Closable } from "#base/lifecycle.ts";
import type { Identity, SystemIdentity, UserIdentity } from "#identity/identity.ts";
import { parseCertificate } from "#x509/certificate.ts";
import { parsePem } from "#x509/pem.ts";
import type { Connection } from "../front-door.ts";

/** Something open that a lock must end. */
interface Held {
  readonly identity: Identity;
  readonly end: () => void;
}

/** Identifies peers and holds them to the rules of the cluster as the proxy knows them. */
export class PeerCheck implements Closable {
  readonly #feed: AuthorityFeed;
  readonly #clock: Clock;
  readonly #held = new Set<Held>();
  readonly #stop: () => void;

  constructor(feed: AuthorityFeed, clock: Clock) {
    this.#feed = feed;
    this.#clock = clock;
    this.#stop = feed.onChange((kind) => {
      if (kind === undefined || kind === "lock") this.#review();
    });
  }

  /** The peer of a connection; a stranger when its certificate is not good. */
  identify({ socket }: Connection): Peer {
    return peerOf(socket, this.#authorities(), this.#clock.now());
  }

  /** The person at the other end, who must be good right now. Throws `unproven`, `locked` or `access-denied`. */
  requireUser(peer: Peer): UserIdentity {
    const { identity } = peer;
    if (identity?.kind !== "user") {
      throw new Fault("unproven", "this needs the certificate of a user", {
        hint: "log in first: tsh login",
      });
    }
    this.#assertGood(identity, peer.address);
    return identity;
  }

  /** The service at the other end, which must be good right now. Throws as {@link requireUser}. */
  requireSystem(peer: Peer): SystemIdentity {
    const { identity } = peer;
    if (identity?.kind !== "system") {
      throw new Fault("unproven", "this needs the certificate of a service of the cluster");
    }
    this.#assertGood(identity, peer.address);
    return identity;
  }

  /** Calls `end` when a lock strikes the identity; the function that it gives back forgets that. */
  hold(identity: Identity, end: () => void): () => void {
    const held = { identity, end };
    this.#held.add(held);
    return () => this.#held.delete(held);
  }

  close(): Promise<void> {
    this.#stop();
    this.#held.clear();
    return Promise.resolve();
  }

  #review(): void {
    const locks = [...this.#feed.documents("lock").values()];
    const now = this.#clock.now();
    for (const held of this.#held) {
      if (findLock(held.identity, locks, now) === undefined) continue;
      this.#held.delete(held);
      held.end();
    }
  }

  #assertGood(identity: Identity, address: string): void {
    const preference = this.#feed.documents("cluster_auth_preference").values().next().value;
    if (!preference) {
      throw new Fault("unavailable", "the proxy does not know the rules of the cluster yet");
    }
    const policy = {
      roles: this.#feed.documents("role"),
      locks: [...this.#feed.documents("lock").values()],
      authPreference: preference,
      current: this.#feed.current,
    };
    const now = this.#clock.now();
    assertAllowed(decideIdentity({ identity, policy, now, clientIp: address }));
  }

  #authorities(): PeerAuthorities {
    const certificatesOf = (type: "user" | "host") => {
      const keys = this.#feed.documents("cert_authority").get(type)?.spec.active_keys.tls ?? [];
      return keys.map(({ cert }) => parseOnce(cert));
    };
    return { user: certificatesOf("user"), host: certificatesOf("host") };
  }
}

const parsed = new Map<string, ReturnType<typeof parseCertificate>>();

/** Authorities are few and rarely change: each PEM is taken apart once. */
function parseOnce(base64Pem: string): ReturnType<typeof parseCertificate> {
  const known = parsed.get(base64Pem);
  if (known) return known;
  const [der] = parsePem("CERTIFICATE", Buffer.from(base64Pem, "base64").toString("utf8"));
  const certificate = parseCertificate(der ?? new Uint8Array());
  if (parsed.size > 64) parsed.clear();
  parsed.set(base64Pem, certificate);
  return certificate;
}
