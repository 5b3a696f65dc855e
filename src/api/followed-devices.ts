/**
 * Which devices a service wants facts of: those of its open connections, and some that it saw last, so that who comes back
 * waits for nothing. The feed of the auth service (`authority-feed.ts`) is told, and says when the facts are there.
 */
import type { StartTimer } from "#ssh/timer.ts";

/** A device that is followed until it is released. */
export interface DeviceHold {
  /**
   * Resolves when its facts have arrived, or the word that there are none; at last after five seconds without either, when
   * decisions take the facts for unknown. Never rejects.
   */
  known(): Promise<void>;
  /** Calling it again does nothing. */
  release(): void;
}

/** Tells the auth service what to follow from now on. */
export type FollowRequest = {
  readonly followDevices?: readonly string[];
  readonly forgetDevices?: readonly string[];
};

/** How long a decision waits for facts, in milliseconds. */
export const factsPatienceMs = 5000;

/** Devices that nobody holds and that are followed on; the oldest goes first. */
const idleKept = 1000;

/** What {@link FollowedDevices} needs besides the feed. */
export interface FollowedDevicesOptions {
  readonly startTimer: StartTimer;
  /** The facts of the device are followed no longer. */
  readonly onForget: (id: string) => void;
}

/** The devices that are followed. */
export class FollowedDevices {
  readonly #options: FollowedDevicesOptions;
  /** Holders by device. */
  readonly #held = new Map<string, number>();
  readonly #idle = new Set<string>();
  readonly #waiting = new Map<string, Set<() => void>>();
  #heard = new Set<string>();
  #send: (request: FollowRequest) => void = () => {};

  constructor(options: FollowedDevicesOptions) {
    this.#options = options;
  }

  /** All that are followed now: what a new connection asks for. */
  get ids(): string[] {
    return [...this.#held.keys(), ...this.#idle];
  }

  /** A new connection has asked for {@link ids}; changes go to `send`. Nothing has been heard on it yet. */
  connect(send: (request: FollowRequest) => void): void {
    this.#send = send;
    this.#heard = new Set();
  }

  /** The connection has said what is known of the device. */
  hear(id: string): void {
    this.#heard.add(id);
    for (const wake of this.#waiting.get(id) ?? []) wake();
  }

  /** Follows a device until it is released. */
  hold(id: string): DeviceHold {
    const isNew = !this.#held.has(id) && !this.#idle.delete(id);
    this.#held.set(id, (this.#held.get(id) ?? 0) + 1);
    if (isNew) this.#send({ followDevices: [id] });
    let released = false;
    return {
      known: () => (this.#heard.has(id) ? Promise.resolve() : this.#wait(id)),
      release: () => {
        if (!released) this.#release(id);
        released = true;
      },
    };
  }

  /** Nobody waits any longer. */
  close(): void {
    for (const wakers of this.#waiting.values()) for (const wake of wakers) wake();
  }

  #wait(id: string): Promise<void> {
    return new Promise((resolve) => {
      const wakers = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, wakers);
      const wake = () => {
        cancel();
        wakers.delete(wake);
        if (wakers.size === 0 && this.#waiting.get(id) === wakers) this.#waiting.delete(id);
        resolve();
      };
      const cancel = this.#options.startTimer(factsPatienceMs, wake);
      wakers.add(wake);
    });
  }

  #release(id: string): void {
    const holders = (this.#held.get(id) ?? 1) - 1;
    if (holders > 0) {
      this.#held.set(id, holders);
      return;
    }
    this.#held.delete(id);
    this.#idle.add(id);
    const [oldest] = this.#idle;
    if (this.#idle.size <= idleKept || oldest === undefined) return;
    this.#idle.delete(oldest);
    this.#heard.delete(oldest);
    this.#options.onForget(oldest);
    this.#send({ forgetDevices: [oldest] });
  }
}
