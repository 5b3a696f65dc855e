/**
 * One run: pages of the MDM go to the auth service as they come, so that memory holds one page and, of the devices before
 * it, only their names. A run that fails anywhere removes nothing: what is missing is named only after the last page.
 */

import type { AuthClient } from "#api/client.ts";
import { type InventoryDevice, InventoryStream } from "#api/inventory-stream.ts";
import { Fault } from "#base/fault.ts";
import type { Logger } from "#base/log.ts";
import type { Device } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import type { DeviceOrStatus } from "#gen/teleport/devicetrust/v1/inventory_pb.ts";
import { RunReport } from "./report.ts";
import type { InventoryEntry, MdmSettings } from "./settings.ts";
import type { MdmDevice, MdmPage, MdmRow, MdmSource } from "./source.ts";

/** What a run works with. */
export interface RunParts {
  readonly source: MdmSource;
  readonly auth: Pick<AuthClient, "service">;
  readonly settings: Pick<MdmSettings, "name" | "unenrollOnOwnerChange" | "inventory">;
  readonly logger: Logger;
  /** Ends the run. */
  readonly signal: AbortSignal;
  /** The auth service hears something at least so often, however long the MDM keeps us waiting; a minute by default. */
  readonly aliveMs?: number;
}

/** Which run. */
export interface Run {
  readonly entry: InventoryEntry;
  /** Only what has changed since; undefined asks for everything. */
  readonly since: Date | undefined;
}

/** The auth service ends a run after five minutes of silence. */
const usualAliveMs = 60_000;

/** An MDM that shows so many pages or devices, or so many pages in a row of what it has shown, does not end. */
const endless = { pages: 100_000, devices: 1_000_000, repeatedPages: 50 } as const;

/** Refused devices that the log names in one run. */
const namedFailures = 20;

/** Carries out a run. Throws what stopped it. */
export async function syncInventory(run: Run, parts: RunParts): Promise<RunReport> {
  return new InventoryRun(run, parts).complete();
}

class InventoryRun {
  readonly #run: Run;
  readonly #parts: RunParts;
  readonly #report = new RunReport();
  /** When each device that was named had reported; by system and serial number. */
  readonly #named = new Map<string, number>();
  #repeatedPages = 0;
  readonly #over = new AbortController();
  /** Ends what the run still asks of the MDM. */
  readonly #signal: AbortSignal;

  constructor(run: Run, parts: RunParts) {
    this.#run = run;
    this.#parts = parts;
    this.#signal = AbortSignal.any([parts.signal, this.#over.signal]);
  }

  async complete(): Promise<RunReport> {
    const { auth, source, settings, signal } = this.#parts;
    const { entry, since } = this.#run;
    const removes = since === undefined && entry.onMissing === "DELETE";
    const stream = await InventoryStream.open(await auth.service("devices"), {
      source: { name: settings.name, origin: source.origin },
      trackMissing: removes,
      unenrollOnOwnerChange: settings.unenrollOnOwnerChange,
      signal,
    });
    try {
      for (const { filter, pageSize } of this.#entries(removes)) {
        await this.#takePages({ filter, pageSize, changedSince: since }, stream);
      }
      if (removes && this.#named.size === 0) {
        this.#parts.logger.warn("the MDM shows no device at all: nothing is removed", {
          hint: "check the filter, and what the credentials may read",
        });
        stream.cancel();
        return this.#report;
      }
      await stream.finish(
        (missing) => this.#confirm(missing),
        (chosen, outcomes) => this.#countRemoved(chosen, outcomes),
      );
      return this.#report;
    } catch (error) {
      stream.cancel();
      throw error;
    } finally {
      this.#over.abort();
    }
  }

  /** All entries of a service have one source: a run that removes must know the devices of all of them. */
  #entries(removes: boolean): readonly InventoryEntry[] {
    const { entry } = this.#run;
    if (!removes) return [entry];
    return [entry, ...this.#parts.settings.inventory.filter((other) => other !== entry)];
  }

  async #takePages(query: Parameters<MdmSource["pages"]>[0], stream: InventoryStream) {
    const { source, aliveMs = usualAliveMs } = this.#parts;
    const pages = source.pages(query, this.#signal)[Symbol.asyncIterator]();
    for (;;) {
      const { done, value } = await keepAlive(pages.next(), stream, aliveMs);
      if (done) return;
      await this.#takePage(value, stream);
    }
  }

  async #takePage(page: MdmPage, stream: InventoryStream): Promise<void> {
    const report = this.#report;
    if (page.drifted) report.drifts++;
    const before = report.duplicates;
    const devices = page.rows.filter((row) => this.#isNew(row));
    const repeated = page.rows.length > 0 && report.duplicates - before === page.rows.length;
    this.#repeatedPages = repeated ? this.#repeatedPages + 1 : 0;
    if (
      report.pages >= endless.pages ||
      this.#named.size > endless.devices ||
      this.#repeatedPages > endless.repeatedPages
    ) {
      throw new Fault("limit", "the listing of the MDM does not end");
    }
    const outcomes = devices.length === 0 ? [] : await stream.upsert(devices.map(messageOf));
    const failed = outcomes.filter(({ status }) => (status?.code ?? 0) !== 0).length;
    for (const [index, { status }] of outcomes.entries()) {
      if ((status?.code ?? 0) !== 0) this.#logFailure(devices[index]?.serial, status?.message);
    }
    report.upserts += outcomes.length - failed;
    this.#parts.logger.info(
      `Device sync report, page #${report.pages} deletes:0 failures:${failed} upserts:${outcomes.length - failed}`,
      {
        devices: this.#named.size,
        ...(page.total === undefined ? {} : { of: page.total }),
      },
    );
    report.pages++;
  }

  /** True for a device that is to be named: the first row of it, or one that is newer than those before. */
  #isNew(row: MdmRow): row is MdmDevice {
    if ("skipped" in row) {
      this.#report.skip(row.skipped);
      return false;
    }
    const key = keyOf(row.osType, row.serial);
    const before = this.#named.get(key);
    if (before !== undefined) this.#report.duplicates++;
    if (before !== undefined && before >= row.reportedAt) return false;
    this.#named.set(key, row.reportedAt);
    return true;
  }

  /**
   * The devices that are really gone. Each is asked for by its serial number: a row that moved while pages were read is
   * not gone. Throws when the MDM cannot be asked.
   */
  async #confirm(missing: readonly Device[]): Promise<readonly Device[]> {
    const { source } = this.#parts;
    const present = new Set<string>();
    const serials = missing.map(({ assetTag }) => assetTag);
    for (const { filter } of this.#entries(true)) {
      for (const row of await source.findBySerial(serials, filter, this.#signal)) {
        if (!("skipped" in row)) present.add(keyOf(row.osType, row.serial));
      }
    }
    const gone = missing.filter(({ osType, assetTag }) => !present.has(keyOf(osType, assetTag)));
    this.#report.kept += missing.length - gone.length;
    return gone;
  }

  #countRemoved(chosen: readonly Device[], outcomes: readonly DeviceOrStatus[]): void {
    const removed = outcomes.filter(({ deleted }) => deleted).length;
    for (const [index, { deleted, status }] of outcomes.entries()) {
      if (!deleted) this.#logFailure(chosen[index]?.assetTag, status?.message);
    }
    this.#report.deletes += removed;
    this.#parts.logger.info(
      `Device sync report, missing devices deletes:${removed} failures:${outcomes.length - removed} upserts:0`,
    );
  }

  #logFailure(serial: string | undefined, why: string | undefined): void {
    this.#report.failures++;
    if (this.#report.failures > namedFailures) return;
    this.#parts.logger.warn("the auth service refused a device", { serial, why });
  }
}

function keyOf(osType: number, serial: string): string {
  return `${osType}:${serial}`;
}

function messageOf({
  osType,
  serial,
  externalId,
  assignedUser,
  profile,
}: MdmDevice): InventoryDevice {
  return { osType, assetTag: serial, owner: assignedUser, profile: { ...profile, externalId } };
}

/** Waits for the MDM while the auth service hears from the run. */
async function keepAlive<T>(
  waiting: Promise<T>,
  stream: InventoryStream,
  aliveMs: number,
): Promise<T> {
  // Whoever stops waiting because the stream broke must not leave a rejection behind.
  waiting.catch(() => {});
  for (;;) {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => resolve(undefined), aliveMs);
    try {
      const result = await Promise.race([waiting.then((value) => ({ value })), promise]);
      if (result !== undefined) return result.value;
    } finally {
      clearTimeout(timer);
    }
    await stream.upsert([]);
  }
}
