/**
 * The devices that one service follows: their facts at once, and again whenever they change. A fleet may be large and a
 * server sees few of its devices, so nobody is told of devices that they did not ask for.
 */
import { formatPrefix, parseKey } from "#backend/key.ts";
import type { Change } from "#backend/port.ts";
import { Fault } from "#base/fault.ts";
import type { WatchAuthorityRequest } from "#gen/gatehouse/v1/agent_pb.ts";
import type { DeviceFacts } from "#resource/device-facts.ts";
import type { AuthContext } from "../context.ts";
import { recordsPrefix } from "../devices/device-state.ts";
import { factsOf } from "../devices/facts.ts";
import { DeviceInventory } from "../devices/inventory.ts";
import { documentsFolder } from "../store/documents.ts";

/** Most devices that one service may follow. */
export const mostFollowed = 20_000;

/** Ids of devices are UUIDs. */
const longestId = 36;

/** The facts of a device; without facts it is not enrolled. */
export interface DeviceNews {
  readonly id: string;
  readonly facts?: DeviceFacts;
}

/** A request to follow and forget devices. */
export type FollowRequest = Pick<WatchAuthorityRequest, "followDevices" | "forgetDevices">;

/** The devices that a service follows. Reads one device at a time, so that old facts never overtake new ones. */
export class DeviceFeed {
  readonly #context: AuthContext;
  readonly #inventory: DeviceInventory;
  /** What was told last of each device, as JSON; "" before anything was. */
  readonly #told = new Map<string, string>();
  /** Devices to look at. */
  readonly #due = new Set<string>();
  #wake: () => void = () => {};

  constructor(context: AuthContext) {
    this.#context = context;
    this.#inventory = new DeviceInventory(context);
  }

  /** Follows and forgets devices. Throws `limit` and `invalid`. */
  apply({ followDevices, forgetDevices }: FollowRequest): void {
    for (const id of forgetDevices) this.#told.delete(id);
    for (const id of followDevices) {
      if (id === "" || id.length > longestId) throw new Fault("invalid", "no id of a device");
      if (!this.#told.has(id) && this.#told.size >= mostFollowed) {
        throw new Fault("limit", `a service follows at most ${mostFollowed} devices`);
      }
      this.#told.set(id, "");
      this.#look(id);
    }
  }

  /** Yields what is new about the devices that are due. */
  async *pending(): AsyncGenerator<DeviceNews> {
    for (;;) {
      const [id] = this.#due;
      if (id === undefined) return;
      this.#due.delete(id);
      yield* this.#news(id);
    }
  }

  /** Yields what is new, as it happens, until the signal aborts. */
  async *news(signal: AbortSignal): AsyncGenerator<DeviceNews> {
    signal.addEventListener("abort", () => this.#wake(), { once: true });
    while (!signal.aborted) {
      yield* this.pending();
      if (signal.aborted || this.#due.size > 0) continue;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Watches the inventory for {@link news}; yields nothing. The watches are registered when this returns. */
  watches(signal: AbortSignal): AsyncGenerator<never>[] {
    const documents = formatPrefix(...documentsFolder, "device");
    return [documents, recordsPrefix].map((prefix) =>
      this.#watch(this.#context.backend.watch({ prefix }, { signal })),
    );
  }

  // biome-ignore lint/correctness/useYield: it is run beside generators that do.
  async *#watch(changes: AsyncIterable<Change>): AsyncGenerator<never> {
    for await (const change of changes) {
      const key = change.type === "put" ? change.item.key : change.key;
      const id = parseKey(key).at(-1) ?? "";
      if (this.#told.has(id)) this.#look(id);
    }
  }

  #look(id: string): void {
    this.#due.add(id);
    this.#wake();
  }

  async *#news(id: string): AsyncGenerator<DeviceNews> {
    const state = await this.#inventory.find(id);
    const facts = state && factsOf(state);
    const told = JSON.stringify(facts ?? null);
    const before = this.#told.get(id);
    if (before === undefined || before === told) return;
    this.#told.set(id, told);
    yield facts === undefined ? { id } : { id, facts };
  }
}
