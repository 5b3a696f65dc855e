/**
 * Audit events in the backend: one item each, in the order of time, kept for as long as the cluster
 * keeps events. Search reads a bounded number of events per page, whatever the filter: a page may
 * be short, and even empty, and still have a next one.
 */
import type { AuditEvent } from "#audit/event.ts";
import type { AuditSink } from "#audit/sink.ts";
import { formatKey, formatPrefix } from "#backend/key.ts";
import type { Backend, Item } from "#backend/port.ts";
import { utf8 } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { timeOfUuid } from "#base/random.ts";

/** How long events are kept by default: a year. */
const retentionMs = 366 * 86_400_000;

/** Bounds of a search. */
const limits = { page: 1000, scanned: 20_000 } as const;

/**
 * Windows that a descending search reads: it begins with the first and doubles while little is
 * found.
 */
const windowMs = { first: 60_000, least: 1, most: 90 * 86_400_000 } as const;

/** Which events to find. All conditions must hold. */
export interface EventQuery {
  /** Types such as "user.login"; none means all. */
  readonly types?: readonly string[];
  readonly user?: string;
  /** Device id or asset tag, in `device`, `trusted_device` or the identity of a certificate. */
  readonly device?: string;
  /** From this moment on. */
  readonly from?: Date;
  /** Before this moment. */
  readonly to?: Date;
  readonly order: "ascending" | "descending";
  /** At most so many events, 1 to 1000; else `invalid`. */
  readonly limit: number;
  /** `next` of the page before. */
  readonly after?: string;
}

/** Some of the events that were asked for. */
export interface EventPage {
  readonly events: readonly AuditEvent[];
  /** Give it as `after` to read on; absent when everything was searched. */
  readonly next?: string;
}

const folder = ["audit", "events"] as const;
const prefix = formatPrefix(...folder);

/** Writes events into the backend, and finds them. */
export class StoreSink implements AuditSink {
  readonly #backend: Backend;
  readonly #clock: Clock;
  readonly #retentionMs: number;

  constructor(backend: Backend, clock: Clock, keptMs = retentionMs) {
    this.#backend = backend;
    this.#clock = clock;
    this.#retentionMs = keptMs;
  }

  async emit(event: AuditEvent): Promise<void> {
    const expires = new Date(this.#clock.now().getTime() + this.#retentionMs);
    await this.#backend.put(keyOf(event.time, event.uid), utf8(JSON.stringify(event)), { expires });
  }

  /** The event with this id, which tells the time under which it is filed. */
  async find(uid: string): Promise<AuditEvent | undefined> {
    const time = timeOfUuid(uid);
    if (time === undefined) return undefined;
    const item = await this.#backend.find(keyOf(time.toISOString(), uid));
    return item && parseItem(item);
  }

  /** One page of the events that fit. Throws `invalid` for a limit or a position that cannot be. */
  async search(query: EventQuery): Promise<EventPage> {
    const { limit, after } = query;
    if (!Number.isInteger(limit) || limit < 1 || limit > limits.page) {
      throw new Fault("invalid", `the limit of a search must be 1 to ${limits.page}`);
    }
    if (after !== undefined && !/^\d{4}-[\dT:.-]{18}Z(_[0-9a-f-]{36})?$/.test(after)) {
      throw new Fault("invalid", "that is not a position in the audit log");
    }
    for (const time of [query.from, query.to]) {
      if (time !== undefined && Number.isNaN(time.getTime())) {
        throw new Fault("invalid", "a search of the audit log needs real times");
      }
    }
    return query.order === "ascending" ? this.#searchForward(query) : this.#searchBack(query);
  }

  async #searchForward(query: EventQuery): Promise<EventPage> {
    const range = { start: startOf(query.from), end: endOf(query.to) };
    if (range.start >= range.end) return { events: [] };
    const fits = filterOf(query);
    const events: AuditEvent[] = [];
    let after = query.after === undefined ? undefined : prefix + query.after;
    for (let scanned = 0; scanned < limits.scanned; ) {
      const page = await this.#backend.range(range, { after });
      for (const item of page.items) {
        const event = parseItem(item);
        if (fits(event)) events.push(event);
        if (events.length === query.limit) return { events, next: positionOf(item.key) };
      }
      after = page.next;
      if (after === undefined) return { events };
      scanned += page.items.length;
    }
    return after === undefined ? { events } : { events, next: positionOf(after) };
  }

  /**
   * The backend reads forward only: reads windows that end where the last one began, each forward
   * and then turned round.
   */
  async #searchBack(query: EventQuery): Promise<EventPage> {
    const fits = filterOf(query);
    const events: AuditEvent[] = [];
    const first = await this.#findFirst(query.from);
    let end = query.after === undefined ? endOf(query.to) : prefix + query.after;
    let span: number = windowMs.first;
    for (let scanned = 0; first !== undefined && end > first; ) {
      const start = laterKey(first, startBefore(end, span, this.#clock.now()));
      const page = await this.#backend.range({ start, end });
      if (page.next !== undefined && span > windowMs.least) {
        span = Math.max(windowMs.least, Math.floor(span / 8));
        continue;
      }
      const items = page.next === undefined ? page.items : await this.#readAll({ start, end });
      for (const item of items.toReversed()) {
        const event = parseItem(item);
        if (fits(event)) events.push(event);
        if (events.length === query.limit) return { events, next: positionOf(item.key) };
      }
      end = start;
      scanned += items.length;
      if (items.length < limits.page / 4) span = Math.min(windowMs.most, span * 4);
      if (scanned >= limits.scanned) return { events, next: positionOf(end) };
    }
    return { events };
  }

  async #findFirst(from: Date | undefined): Promise<string | undefined> {
    const page = await this.#backend.range(
      { start: startOf(from), end: endOf(undefined) },
      { limit: 1 },
    );
    return page.items[0]?.key;
  }

  /** All of one millisecond: a window that cannot be made smaller. */
  async #readAll(range: { start: string; end: string }): Promise<Item[]> {
    const items: Item[] = [];
    let after: string | undefined;
    do {
      const page = await this.#backend.range(range, { after });
      items.push(...page.items);
      after = page.next;
    } while (after !== undefined);
    return items;
  }
}

function keyOf(time: string, uid: string): string {
  return formatKey(...folder, `${time}_${uid}`);
}

function positionOf(key: string): string {
  return key.slice(prefix.length);
}

function startOf(from: Date | undefined): string {
  return prefix + (from === undefined ? "" : from.toISOString());
}

function endOf(to: Date | undefined): string {
  return prefix + (to === undefined ? "~" : to.toISOString());
}

function laterKey(a: string, b: string): string {
  return a > b ? a : b;
}

/** The start of a window of this span that ends at a key. The end of time is a moment after now. */
function startBefore(end: string, spanMs: number, now: Date): string {
  const text = positionOf(end).slice(0, 24);
  const time = text === "~" ? now.getTime() : Date.parse(text);
  const start = new Date(Math.max(0, time - spanMs)).toISOString();
  return prefix + start;
}

function filterOf(query: EventQuery): (event: AuditEvent) => boolean {
  const { types = [], user, device } = query;
  const wanted = new Set(types);
  return (event) =>
    (wanted.size === 0 || wanted.has(event.event)) &&
    (user === undefined || event.user === user) &&
    (device === undefined || concernsDevice(event, device));
}

interface DeviceFields {
  readonly device_id?: unknown;
  readonly asset_tag?: unknown;
}

function concernsDevice(event: AuditEvent, device: string): boolean {
  const identity = event["identity"] as { device_extensions?: DeviceFields } | null | undefined;
  const candidates = [event["device"], event["trusted_device"], identity?.device_extensions];
  return candidates.some((candidate) => {
    const fields = candidate as DeviceFields | null | undefined;
    return fields?.device_id === device || fields?.asset_tag === device;
  });
}

function parseItem(item: Item): AuditEvent {
  return JSON.parse(Buffer.from(item.value).toString()) as AuditEvent;
}
