/**
 * A service's own copy of the cluster's rules, fed by `AgentService.WatchAuthority`. Decisions are made from it alone,
 * so that a slow or absent auth service costs no login anything until the lease ends.
 *
 * The lease: a view that nothing has confirmed for that long is not current, and decisions from it refuse. A new
 * connection begins with a new snapshot, which replaces the old view in one step once it is complete.
 */
import { hasPostureRules } from "#access/device-posture.ts";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Closable } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import { AgentService, type AuthorityUpdate } from "#gen/gatehouse/v1/agent_pb.ts";
import type { UserIdentity } from "#identity/identity.ts";
import type { StartTimer } from "#ssh/timer.ts";
import {
  AuthorityDocuments,
  type AuthorityView,
  deviceFactsKind,
  emptyView,
  type FollowedKind,
  policyKinds,
} from "./authority-documents.ts";
import { BackOff } from "./back-off.ts";
import { type DeviceHold, FollowedDevices, type FollowRequest } from "./followed-devices.ts";
import { createClient, type GrpcClient } from "./grpc/client.ts";

/** Default lease: fifteen heartbeats of the feed. */
export const defaultLeaseMs = 30_000;

const noHold: DeviceHold = { known: () => Promise.resolve(), release: () => {} };

/** Hears of a change; of which device, where nothing else has changed. */
type ChangeListener = (deviceId?: string) => void;

/** What the feed is made of. */
export interface AuthorityFeedOptions {
  readonly client: GrpcClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly startTimer: StartTimer;
  readonly logger: Logger;
  readonly leaseMs?: number;
  /** Kinds besides those that every decision needs. */
  readonly alsoFollow?: readonly FollowedKind[];
}

/** Follows the auth service until closed. */
export class AuthorityFeed implements Closable {
  /** Resolves with the first complete snapshot. */
  readonly ready: Promise<void>;
  readonly #options: AuthorityFeedOptions;
  readonly #leaseMs: number;
  readonly #listeners = new Set<ChangeListener>();
  readonly #devices: FollowedDevices;
  readonly #stop = new AbortController();
  readonly #backOff: BackOff;
  readonly #running: Promise<void>;
  #markReady: () => void = () => {};
  #documents: AuthorityDocuments | undefined;
  #view = emptyView();
  #heardAt = 0;
  #looksAtDevices = false;
  #cancelLease: () => void = () => {};
  #call = new AbortController();

  /** Starts to follow. */
  constructor(options: AuthorityFeedOptions) {
    this.#options = options;
    this.#leaseMs = options.leaseMs ?? defaultLeaseMs;
    this.#backOff = new BackOff(options.random);
    this.#devices = new FollowedDevices({
      startTimer: options.startTimer,
      onForget: (id) => this.#documents?.forgetDevice(id),
    });
    this.ready = new Promise((resolve) => {
      this.#markReady = resolve;
    });
    this.#running = this.#run();
  }

  /** What is known now. A jump of the clock past the lease ends it too. */
  get view(): AuthorityView {
    if (!this.#view.policy.current) return this.#view;
    const age = this.#options.clock.now().getTime() - this.#heardAt;
    return age > this.#leaseMs ? outdated(this.#view) : this.#view;
  }

  /**
   * Follows the facts of the device that a certificate names. Every service holds it from before the first decision about the
   * certificate until its connection is gone, and decides when `known` has resolved: at once where no rule looks at devices.
   */
  holdDevice({ device }: Pick<UserIdentity, "device">): DeviceHold {
    if (device === undefined) return noHold;
    const hold = this.#devices.hold(device.deviceId);
    return {
      known: async () => (this.#looksAtDevices ? hold.known() : undefined),
      release: hold.release,
    };
  }

  /**
   * Calls `listener` after every change, and when the lease ends; with an id when nothing but the facts of that device has
   * changed. Returns a function that stops it.
   */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#call.abort();
    this.#cancelLease();
    this.#devices.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#follow();
      } catch (error) {
        if (signal.aborted) return;
        this.#options.logger.warn("the rules of the cluster cannot be followed; trying again", {
          error,
        });
      }
      await this.#backOff.wait(signal);
    }
  }

  async #follow(): Promise<void> {
    this.#call = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, this.#call.signal]);
    const documents = new AuthorityDocuments(this.#options.logger);
    let complete = false;
    const heard: string[] = [];
    const call = await createClient(AgentService, this.#options.client).watchAuthority({ signal });
    const kinds = [...policyKinds, ...(this.#options.alsoFollow ?? [])];
    const asked = call.send({ kinds, followDevices: this.#devices.ids });
    // A call that cannot be written to has ended, which the loop below hears.
    this.#devices.connect((request) => void call.send(toMessage(request)).catch(() => {}));
    await asked;
    for await (const { update } of call) {
      if (update.case === "change") documents.apply(update.value);
      if (update.case === "snapshotComplete") complete = true;
      const device = deviceOf(update);
      if (complete) {
        this.#documents = documents;
        this.#renewLease();
        if (device !== undefined && this.#view.policy.current) this.#notify(device);
        else if (isNews(update) || !this.#view.policy.current) this.#replace(documents.view());
      }
      if (device !== undefined) heard.push(device);
      // Before the snapshot is complete, decisions are made from the view of before, which may lack them.
      if (complete) for (const id of heard.splice(0)) this.#devices.hear(id);
    }
    throw new Fault("unavailable", "the auth service ended the feed");
  }

  #replace(view: AuthorityView): void {
    if (view.policy !== this.#view.policy) this.#looksAtDevices = hasPostureRules(view.policy);
    this.#view = view;
    this.#backOff.reset();
    this.#markReady();
    this.#notify();
  }

  #renewLease(): void {
    this.#heardAt = this.#options.clock.now().getTime();
    this.#cancelLease();
    this.#cancelLease = this.#options.startTimer(this.#leaseMs, () => {
      this.#options.logger.warn("the rules of the cluster are outdated; logins are refused");
      this.#view = outdated(this.#view);
      // A connection that has gone silent may never end by itself.
      this.#call.abort(new Fault("timeout", "the auth service has gone silent"));
      this.#notify();
    });
  }

  #notify(deviceId?: string): void {
    for (const listener of this.#listeners) listener(deviceId);
  }
}

/** The device about whose facts an update is. */
function deviceOf(update: AuthorityUpdate["update"]): string | undefined {
  return update.case === "change" && update.value.kind === deviceFactsKind
    ? update.value.name
    : undefined;
}

function toMessage({ followDevices = [], forgetDevices = [] }: FollowRequest) {
  return { followDevices: [...followDevices], forgetDevices: [...forgetDevices] };
}

function isNews(update: AuthorityUpdate["update"]): boolean {
  return update.case === "change" || update.case === "snapshotComplete";
}

function outdated(view: AuthorityView): AuthorityView {
  return { ...view, policy: { ...view.policy, current: false } };
}
