/**
 * The devices of the cluster: documents, private records and the indexes over them, changed together or not at all, by
 * however many auth services at once. What a change may be is decided in `changes.ts` and by the ceremonies.
 */
import type { Backend, Operation } from "#backend/port.ts";
import { scanItems } from "#backend/scan.ts";
import { utf8 } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import { Fault, isFault } from "#base/fault.ts";
import { type Device, type OsType, osTypes } from "#resource/device.ts";
import { encode } from "../store/documents.ts";
import type { Stores } from "../store/stores.ts";
import {
  credentialKey,
  credentialPrefix,
  type DeviceChange,
  type DeviceRecord,
  type DeviceState,
  decodeRecord,
  emptyRecord,
  encodeRecord,
  endorsementKey,
  indexKeys,
  ownerPrefix,
  recordKey,
  tagKey,
} from "./device-state.ts";
import { revocationOperations } from "./revocation.ts";
import { rowOperation } from "./rows.ts";

/** What the inventory works with. */
export interface InventoryContext {
  readonly backend: Backend;
  readonly stores: Pick<Stores, "devices" | "locks">;
  readonly clock: Clock;
}

/** Runs once, after everything was checked and before anything is written: for the audit event. */
export type Announce = (device: Device) => Promise<unknown>;

const maxAttempts = 20;

/** Reads and changes devices. */
export class DeviceInventory {
  readonly #context: InventoryContext;

  constructor(context: InventoryContext) {
    this.#context = context;
  }

  /** The device and its record, or undefined. */
  async find(id: string): Promise<DeviceState | undefined> {
    if (id === "") return undefined;
    const { backend, stores } = this.#context;
    const device = await stores.devices.find(id);
    if (device === undefined) return undefined;
    const item = await backend.find(recordKey(id));
    return item
      ? { device, record: decodeRecord(item.value), recordRevision: item.revision }
      : { device, record: emptyRecord };
  }

  /** The device and its record; throws `not-found`. */
  async get(id: string): Promise<DeviceState> {
    return (await this.find(id)) ?? missing(id);
  }

  /** The device of this system with this asset tag, or undefined. */
  findByTag(os: OsType, tag: string): Promise<DeviceState | undefined> {
    return this.#follow(tagKey(os, tag));
  }

  /** The device that has this credential now, or undefined. */
  async findByCredential(id: string): Promise<DeviceState | undefined> {
    return id === "" ? undefined : this.#follow(credentialKey(id));
  }

  /** The devices whose id or asset tag is `text`: at most one per operating system besides the one with the id. */
  async findAll(text: string): Promise<DeviceState[]> {
    if (text === "") return [];
    const byTag = await Promise.all(osTypes.map((os) => this.findByTag(os, text)));
    const found = [await this.find(text), ...byTag].filter((state) => state !== undefined);
    return [...new Map(found.map((state) => [state.device.metadata.name, state])).values()];
  }

  /** A page of the devices that a user owns, in the order of their ids. */
  async listOwned(
    owner: string,
    { limit, after }: { readonly limit: number; readonly after?: string },
  ): Promise<{ readonly states: readonly DeviceState[]; readonly next?: string }> {
    const prefix = ownerPrefix(owner);
    const from = after === undefined ? {} : { after: prefix + after };
    const page = await this.#context.backend.range({ prefix }, { limit, ...from });
    const states = await Promise.all(page.items.map(({ value }) => this.find(textOf(value))));
    const owned = states.filter((state) => state?.device.spec.owner === owner);
    const found = owned.filter((state) => state !== undefined);
    return page.next === undefined
      ? { states: found }
      : { states: found, next: page.next.slice(prefix.length) };
  }

  /** Stores a new device; throws `already-exists` when its id, its tag or its credential is taken. */
  async create(
    device: Device,
    by: string,
    announce: Announce,
    record: DeviceRecord = emptyRecord,
  ): Promise<DeviceState> {
    const after = { device, record };
    await this.#assertFree(after);
    await announce(device);
    try {
      return committed(undefined, after, await this.#commit(undefined, after, by));
    } catch (error) {
      if (!isFault(error, "conflict")) throw error;
      await this.#assertFree(after);
      throw error;
    }
  }

  /**
   * Reads, changes and writes back as one step; when somebody else wrote in between, `change` runs again on the new
   * state. `change` may throw to leave things as they are. Throws `not-found`.
   */
  async modify(
    id: string,
    by: string,
    change: (state: DeviceState) => DeviceChange | Promise<DeviceChange>,
    announce?: Announce,
  ): Promise<DeviceState> {
    for (let attempt = 0; ; attempt++) {
      const before = await this.get(id);
      const after = await change(before);
      if (attempt === 0) await announce?.(after.device);
      try {
        return committed(before, after, await this.#commit(before, after, by));
      } catch (error) {
        if (!isFault(error, "conflict") || attempt >= maxAttempts) throw error;
      }
    }
  }

  /** Deletes a device with everything that belongs to it; throws `not-found`. */
  async delete(id: string, by: string, announce: Announce): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const before = await this.get(id);
      if (attempt === 0) await announce(before.device);
      try {
        await this.#commit(before, undefined, by);
        return;
      } catch (error) {
        if (!isFault(error, "conflict") || attempt >= maxAttempts) throw error;
      }
    }
  }

  /** How many devices are enrolled. */
  async countCredentials(): Promise<number> {
    let count = 0;
    for await (const _ of scanItems(this.#context.backend, { prefix: credentialPrefix })) count++;
    return count;
  }

  /** Ids of the devices that have a credential or an endorsement key now. */
  async findHolders(
    credentialId: string,
    endorsementHash: string | undefined,
  ): Promise<{ holderOfCredential?: string; holderOfEndorsementKey?: string }> {
    const { backend } = this.#context;
    const credential = await backend.find(credentialKey(credentialId));
    const endorsement = endorsementHash && (await backend.find(endorsementKey(endorsementHash)));
    return {
      ...(credential ? { holderOfCredential: textOf(credential.value) } : {}),
      ...(endorsement ? { holderOfEndorsementKey: textOf(endorsement.value) } : {}),
    };
  }

  async #follow(key: string): Promise<DeviceState | undefined> {
    const item = await this.#context.backend.find(key);
    if (item === undefined) return undefined;
    const state = await this.find(textOf(item.value));
    // Between the two reads the device may have changed: then it is no longer what was asked for.
    return state && indexKeys(state).includes(key) ? state : undefined;
  }

  async #assertFree(state: DeviceState): Promise<void> {
    const { name } = state.device.metadata;
    const { os_type, asset_tag } = state.device.spec;
    if (await this.find(name)) throw exists(`device "${name}" already exists`, name);
    for (const key of indexKeys(state)) {
      const item = await this.#context.backend.find(key);
      if (item === undefined) continue;
      throw key === tagKey(os_type, asset_tag)
        ? exists(`device "${asset_tag}" (${os_type}) already exists`, textOf(item.value))
        : exists("the credential belongs to another device", textOf(item.value));
    }
  }

  /** One write for everything; throws `conflict` when the store no longer is as it was read. */
  async #commit(
    before: DeviceState | undefined,
    after: DeviceChange | undefined,
    by: string,
  ): Promise<string> {
    const { backend, stores, clock } = this.#context;
    const mark = { by, now: clock.now() };
    return backend.atomic([
      documentOperation(stores, before, after),
      ...(before?.device === after?.device
        ? []
        : [rowOperation((after ?? before)?.device.metadata.name ?? "", after?.device)]),
      recordOperation(before, after),
      ...indexOperations(before, after),
      ...revocationOperations(stores.locks, before, after, mark),
    ]);
  }
}

/** The state as it is stored now. */
function committed(
  before: DeviceState | undefined,
  after: DeviceChange,
  revision: string,
): DeviceState {
  const { device, record } = after;
  const metadata = { ...device.metadata, revision };
  const stored = before?.device === device ? device : { ...device, metadata };
  return writesRecord(before, after)
    ? { device: stored, record, recordRevision: revision }
    : { device: stored, record };
}

/** A record that says nothing is not stored for a device that has none: a fleet that is registered has no records. */
function writesRecord(before: DeviceState | undefined, { record }: DeviceChange): boolean {
  return before?.recordRevision !== undefined || record !== emptyRecord;
}

function documentOperation(
  { devices }: Pick<Stores, "devices">,
  before: DeviceState | undefined,
  after: DeviceChange | undefined,
): Operation {
  const key = devices.keyOf((after ?? before)?.device.metadata.name ?? "");
  const condition = before ? { revision: before.device.metadata.revision ?? "" } : "absent";
  if (after === undefined) return { type: "delete", key, if: condition };
  if (before?.device === after.device) return { type: "check", key, if: condition };
  return { type: "put", key, value: encode(after.device).bytes, if: condition };
}

function recordOperation(
  before: DeviceState | undefined,
  after: DeviceChange | undefined,
): Operation {
  const key = recordKey((after ?? before)?.device.metadata.name ?? "");
  const revision = before?.recordRevision;
  const condition = revision === undefined ? "absent" : { revision };
  if (after && writesRecord(before, after))
    return { type: "put", key, value: encodeRecord(after.record), if: condition };
  return revision === undefined
    ? { type: "check", key, if: condition }
    : { type: "delete", key, if: condition };
}

function indexOperations(
  before: DeviceState | undefined,
  after: DeviceChange | undefined,
): Operation[] {
  const old = before ? indexKeys(before) : [];
  const fresh = after ? indexKeys(after) : [];
  const value = utf8((after ?? before)?.device.metadata.name ?? "");
  return [
    ...old.filter((key) => !fresh.includes(key)).map((key): Operation => ({ type: "delete", key })),
    ...fresh
      .filter((key) => !old.includes(key))
      .map((key): Operation => ({ type: "put", key, value, if: "absent" })),
  ];
}

function textOf(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}

function missing(id: string): never {
  throw new Fault("not-found", `device "${id}" not found`, {
    hint: "see the devices: tctl devices ls",
  });
}

function exists(message: string, id: string): Fault {
  return new Fault("already-exists", message, { hint: `see it with: tctl get device/${id}` });
}
