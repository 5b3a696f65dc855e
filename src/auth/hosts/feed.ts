/**
 * The feed that keeps agents able to decide by themselves: everything that exists, then every change, and a heartbeat
 * in between by which a receiver knows that it has missed nothing.
 */
import { once } from "node:events";
import { setInterval } from "node:timers/promises";
import { deviceFactsKind } from "#api/authority-documents.ts";
import { formatPrefix, parseKey } from "#backend/key.ts";
import type { Change } from "#backend/port.ts";
import type { CertAuthorityType } from "#resource/cert-authority.ts";
import type { AuthContext } from "../context.ts";
import { type DocumentStore, documentsFolder, type StoredDocument } from "../store/documents.ts";
import { DeviceFeed, type DeviceNews, type FollowRequest } from "./device-feed.ts";

/** One message of the feed. A change without a document is a deletion. */
export type FeedUpdate =
  | {
      readonly type: "change";
      readonly kind: string;
      readonly name: string;
      readonly document?: object;
    }
  | { readonly type: "complete" }
  | { readonly type: "heartbeat"; readonly time: Date };

/** Time between heartbeats. Agents take a feed for dead after several of them. */
export const feedHeartbeatMs = 2000;

/** The authorities that agents verify people, hosts and database servers with. */
const followedAuthorities: readonly CertAuthorityType[] = ["user", "host", "openssh", "db"];

/** What a service wants to hear of. */
export interface Subscription {
  readonly kinds: readonly string[];
  /** Devices to follow from the beginning. */
  readonly devices: readonly string[];
  /** Later wishes about devices. */
  readonly requests: AsyncIterable<FollowRequest>;
}

/** Sends the documents of the kinds and the facts of the devices, then follows them until `signal` aborts. */
export async function* watchAuthority(
  context: AuthContext,
  { kinds, devices, requests }: Subscription,
  signal: AbortSignal,
): AsyncGenerator<FeedUpdate> {
  const stores = storesOf(context, kinds);
  const stop = new AbortController();
  const ended = AbortSignal.any([signal, stop.signal]);
  // Registered before the snapshot is read, so that nothing falls between the two; what is sent twice does no harm.
  const changes = context.backend.watch(
    { prefix: formatPrefix(...documentsFolder) },
    { signal: ended },
  );
  const feed = new DeviceFeed(context);
  const watches = feed.watches(ended);
  try {
    yield* snapshot(context, stores, kinds);
    feed.apply({ followDevices: [...devices], forgetDevices: [] });
    yield* deviceUpdates(feed.pending());
    yield { type: "complete" };
    yield { type: "heartbeat", time: context.clock.now() };
    yield* merge(
      decodeChanges(changes, stores),
      heartbeats(context, ended),
      deviceUpdates(feed.news(ended)),
      ...watches,
      followRequests(feed, requests, ended),
    );
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    stop.abort();
  }
}

async function* deviceUpdates(news: AsyncIterable<DeviceNews>): AsyncGenerator<FeedUpdate> {
  for await (const { id, facts } of news) {
    const update = { type: "change", kind: deviceFactsKind, name: id } as const;
    yield facts === undefined ? update : { ...update, document: facts };
  }
}

/** Takes the wishes; yields nothing. A service that has no more wishes goes on listening. */
// biome-ignore lint/correctness/useYield: it is run beside generators that do.
async function* followRequests(
  feed: DeviceFeed,
  requests: AsyncIterable<FollowRequest>,
  signal: AbortSignal,
): AsyncGenerator<never> {
  for await (const request of requests) feed.apply(request);
  if (!signal.aborted) await once(signal, "abort");
}

async function* snapshot(
  context: AuthContext,
  stores: ReadonlyMap<string, DocumentStore<StoredDocument>>,
  kinds: readonly string[],
): AsyncGenerator<FeedUpdate> {
  if (kinds.includes("cert_authority")) {
    for (const type of followedAuthorities) {
      const document = context.authorities.document(type);
      yield { type: "change", kind: "cert_authority", name: type, document };
    }
  }
  for (const [kind, store] of stores) {
    for (const document of await store.all()) {
      yield { type: "change", kind, name: store.nameOf(document), document };
    }
  }
}

/** The stores of the kinds, by kind. */
export function storesOf(
  context: AuthContext,
  kinds: readonly string[],
): Map<string, DocumentStore<StoredDocument>> {
  const all: readonly DocumentStore<never>[] = Object.values(context.stores);
  const chosen = all.filter((store) => kinds.includes(store.kind));
  return new Map(
    chosen.map((store) => [store.kind, store as unknown as DocumentStore<StoredDocument>]),
  );
}

/** The changes of those stores; keys of other kinds are passed over. */
export async function* decodeChanges(
  changes: AsyncIterable<Change>,
  stores: ReadonlyMap<string, DocumentStore<StoredDocument>>,
): AsyncGenerator<FeedUpdate> {
  for await (const change of changes) {
    const key = change.type === "put" ? change.item.key : change.key;
    const [, kind = "", name = ""] = parseKey(key);
    const store = stores.get(kind);
    if (!store) continue;
    if (change.type === "delete") yield { type: "change", kind, name };
    else yield { type: "change", kind, name, document: store.decode(change.item) };
  }
}

async function* heartbeats(context: AuthContext, signal: AbortSignal): AsyncGenerator<FeedUpdate> {
  for await (const _ of setInterval(feedHeartbeatMs, undefined, { signal, ref: false })) {
    yield { type: "heartbeat", time: context.clock.now() };
  }
}

/**
 * All sequences as their items come; ends when any of them ends. Waits on itself, not by racing promises: those of a
 * sequence that is silent for weeks would remember every race.
 */
async function* merge<T>(...sources: AsyncGenerator<T>[]): AsyncGenerator<T> {
  const ready: { source: AsyncGenerator<T>; result: IteratorResult<T> }[] = [];
  let failure: { readonly error: unknown } | undefined;
  let wake = () => {};
  const pull = (source: AsyncGenerator<T>) => {
    source.next().then(
      (result) => {
        ready.push({ source, result });
        wake();
      },
      (error: unknown) => {
        failure ??= { error };
        wake();
      },
    );
  };
  sources.forEach(pull);
  for (;;) {
    if (failure !== undefined) throw failure.error;
    const next = ready.shift();
    if (next === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      continue;
    }
    if (next.result.done) return;
    yield next.result.value;
    pull(next.source);
  }
}
