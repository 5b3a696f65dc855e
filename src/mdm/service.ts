/** An inventory service: carries out the runs of its schedule, one at a time, until it is closed. */
import type { AuthClient } from "#api/client.ts";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Closable } from "#base/lifecycle.ts";
import type { Logger } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import { openHttps } from "./https.ts";
import { openIntune } from "./intune/source.ts";
import { openJamf } from "./jamf/source.ts";
import { syncInventory } from "./run.ts";
import {
  afterFailure,
  afterSuccess,
  type EntryHistory,
  nextRun,
  type PlannedRun,
} from "./schedule.ts";
import { type SessionParts, type Sleep, systemSleep } from "./session.ts";
import type { MdmSettings } from "./settings.ts";
import type { MdmSource } from "./source.ts";

/** What a service works with. */
export interface MdmServiceParts {
  readonly auth: Pick<AuthClient, "service">;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Instead of the clock of the machine. */
  readonly sleep?: Sleep;
  /** PEM; authorities to trust instead of those that Node knows (its own list and NODE_EXTRA_CA_CERTS). */
  readonly authorities?: readonly string[];
}

/** The service looks at its clock again after at most so long: machines sleep, and timers with them. */
const longestSleepMs = 60_000;

/** A running inventory service. */
export class MdmService implements Closable {
  /** Resolves when the service has ended by itself or was closed; rejects when its only run failed. */
  readonly done: Promise<void>;
  readonly #settings: MdmSettings;
  readonly #parts: MdmServiceParts;
  readonly #source: MdmSource;
  readonly #logger: Logger;
  readonly #sleep: Sleep;
  readonly #stop = new AbortController();

  /** Starts at once. Throws `usage` when no entry has a schedule. */
  constructor(settings: MdmSettings, parts: MdmServiceParts) {
    this.#settings = settings;
    this.#parts = parts;
    this.#logger = parts.logger.child({
      service: `${settings.kind}_service`,
      source: settings.name,
    });
    this.#sleep = parts.sleep ?? systemSleep;
    this.#source = openSource(settings, {
      http: openHttps(parts.authorities ? { authorities: parts.authorities } : {}),
      clock: parts.clock,
      random: parts.random,
      sleep: this.#sleep,
      logger: this.#logger,
    });
    const start = new Date(parts.clock.now().getTime() + settings.syncDelayMs);
    const { inventory } = settings;
    if (nextRun(inventory, [], start, start) === undefined) {
      throw new Fault("usage", `no inventory entry of ${settings.kind}_service has a schedule`);
    }
    this.done = this.#serve(start);
    // Whoever waits for it hears of a failure; whoever does not reads it in the log.
    this.done.catch(() => {});
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.done.catch(() => {});
    await this.#source.close();
  }

  async #serve(start: Date): Promise<void> {
    const { inventory, exitOnSync } = this.#settings;
    const { clock } = this.#parts;
    const { signal } = this.#stop;
    const histories: EntryHistory[] = inventory.map(() => ({}));
    const pending = new Set(inventory.keys());
    while (!signal.aborted) {
      const planned = nextRun(inventory, histories, start, clock.now());
      if (planned === undefined) return;
      const wait = planned.at.getTime() - clock.now().getTime();
      if (wait > 0) {
        await this.#sleep(Math.min(wait, longestSleepMs), signal).catch(() => {});
        continue;
      }
      const { entry } = planned;
      histories[entry] = await this.#carryOut(planned, histories[entry] ?? {});
      pending.delete(entry);
      if (exitOnSync && this.#isOver(pending)) return;
    }
  }

  /** With exit_on_sync: true after each entry that has a schedule has had its run. */
  #isOver(pending: ReadonlySet<number>): boolean {
    const { inventory } = this.#settings;
    return [...pending].every((index) => {
      const entry = inventory[index];
      return entry === undefined || (entry.fullMs <= 0 && entry.partialMs <= 0);
    });
  }

  /** The history after the run. Throws only with exit_on_sync, where nobody would try again. */
  async #carryOut(planned: PlannedRun, history: EntryHistory): Promise<EntryHistory> {
    const { auth, clock } = this.#parts;
    const { signal } = this.#stop;
    const began = clock.now();
    const entry = this.#settings.inventory[planned.entry];
    if (entry === undefined) return history;
    const about = { kind: planned.kind, ...(entry.filter === "" ? {} : { filter: entry.filter }) };
    this.#logger.info("Starting sync", {
      ...about,
      ...(planned.since ? { changedSince: planned.since.toISOString() } : {}),
    });
    try {
      const report = await syncInventory(
        { entry, since: planned.kind === "full" ? undefined : planned.since },
        { source: this.#source, auth, settings: this.#settings, logger: this.#logger, signal },
      );
      const ms = clock.now().getTime() - began.getTime();
      this.#logger.info("Sync complete", { ...about, ...report.fields, seconds: ms / 1000 });
      return afterSuccess(history, planned.kind, began);
    } catch (error) {
      if (signal.aborted) return history;
      this.#logger.warn("Sync failed, nothing was removed after the failure", { ...about, error });
      if (this.#settings.exitOnSync) throw error;
      return afterFailure(history, clock.now());
    }
  }
}

function openSource(settings: MdmSettings, parts: SessionParts): MdmSource {
  return settings.kind === "jamf" ? openJamf(settings, parts) : openIntune(settings, parts);
}
