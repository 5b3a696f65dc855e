/**
 * Who comes through the doors that need a certificate. Peers are held to the rules of the cluster when they come, and to
 * its locks for as long as something of theirs is open: a lock ends what was opened before it.
 */
import type { PolicyView } from "#access/access-checks.ts";
import { decideIdentity } from "#access/decide-access.ts";
import { assertAllowed } from "#access/decision.ts";
import { findLock } from "#access/locks.ts";
import type { AuthorityFeed } from "#api/authority-feed.ts";
import { type Peer, peerOf } from "#api/peer.ts";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Closable } from "#base/lifecycle.ts";
import type {
  CertificateUsage,
  Identity,
  SystemIdentity,
  UserIdentity,
} from "#identity/identity.ts";
import type { Connection } from "../front-door.ts";

/**
 * A server cuts a session itself and says why; the proxy gives that this long to arrive, and then ends what is still
 * open. Both together stay below a quarter of a second.
 */
const graceMs = 150;

/** Something open that a lock must end. */
interface Held {
  readonly identity: Identity;
  readonly end: () => void;
  ending?: NodeJS.Timeout;
}

/** Identifies peers and holds them to the rules of the cluster as the proxy knows them. */
export class PeerCheck implements Closable {
  readonly #feed: AuthorityFeed;
  readonly #clock: Clock;
  readonly #held = new Set<Held>();
  readonly #stop: () => void;
  #reviewed: PolicyView | undefined;

  constructor(feed: AuthorityFeed, clock: Clock) {
    this.#feed = feed;
    this.#clock = clock;
    this.#stop = feed.onChange(() => this.#review());
  }

  /** The peer of a connection; a stranger when its certificate is not good. */
  identify({ socket }: Connection): Peer {
    return peerOf(socket, this.#feed.view.peerAuthorities, this.#clock.now());
  }

  /**
   * The person at the other end, who must be good right now. Throws `unproven`, `locked` or `access-denied`. A certificate
   * that is restricted to one use is good for `usage` only.
   */
  requireUser(peer: Peer, usage?: CertificateUsage): UserIdentity {
    const { identity } = peer;
    if (identity?.kind !== "user") {
      throw new Fault("unproven", "this needs the certificate of a user", {
        hint: "log in first: tsh login",
      });
    }
    this.#assertGood(identity, peer.address, usage);
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

  /**
   * Calls `end` within {@link graceMs} when a lock strikes the identity; the function that it gives back forgets that.
   */
  hold(identity: Identity, end: () => void): () => void {
    const held: Held = { identity, end };
    this.#held.add(held);
    return () => {
      clearTimeout(held.ending);
      this.#held.delete(held);
    };
  }

  close(): Promise<void> {
    this.#stop();
    this.#held.clear();
    return Promise.resolve();
  }

  /** Heartbeats of servers change nothing here: only new rules are looked at. */
  #review(): void {
    const { policy } = this.#feed.view;
    if (policy === this.#reviewed) return;
    this.#reviewed = policy;
    const now = this.#clock.now();
    for (const held of this.#held) {
      if (findLock(held.identity, policy.locks, now) === undefined) continue;
      this.#held.delete(held);
      held.ending = setTimeout(held.end, graceMs);
    }
  }

  #assertGood(identity: Identity, address: string, usage?: CertificateUsage): void {
    const { policy } = this.#feed.view;
    const now = this.#clock.now();
    assertAllowed(decideIdentity({ identity, policy, now, clientIp: address, usage }));
  }
}
