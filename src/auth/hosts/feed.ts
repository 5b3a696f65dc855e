/**
 * The feed that keeps agents able to decide by themselves: everything that exists, then every change, and a heartbeat
 * in between by which a receiver knows that it has missed nothing.
 */
import { setInterval } from "node:timers/promises";
import { formatPrefix, parseKey } from "#backend/key.ts";
import type { Change } from "#backend/port.ts";
import type { CertAuthorityType } from "#resource/cert-authority.ts";
import type { AuthContext } from "../context.ts";
import { type DocumentStore, documentsFolder, type StoredDocument } from "../store/documents.ts";

/** One message of the feed. A change without a document is a deletion. */
export type FeedUpdate =
  | {
      readonly type: "change";
      readonly kind: string;
      readonly name: string;
      readonly document?: StoredDocument;
    }
  | { readonly type: "complete" }
  | { readonly type: "heartbeat"; readonly time: Date };

/** Time between heartbeats. Agents take a feed for dead after several of them. */
export const feedHeartbeatMs = 2000;

/** The authorities that agents verify people, hosts and database servers with. */
const followedAuthorities: readonly CertAuthorityType[] = ["user", "host", "openssh", "db"];

/** Sends the documents of the kinds, then follows them until `signal` aborts. */
export async function* watchAuthority(
  context: AuthContext,
  kinds: readonly string[],
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
  try {
    yield* snapshot(context, stores, kinds);
    yield { type: "complete" };
    yield { type: "heartbeat", time: context.clock.now() };
    yield* merge(decodeChanges(changes, stores), heartbeats(context, ended));
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    stop.abort();
  }
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

/** Both sequences as their items come; ends when either ends. */
async function* merge<T>(a: AsyncGenerator<T>, b: AsyncGenerator<T>): AsyncGenerator<T> {
  const next = async (source: AsyncGenerator<T>) => ({ source, result: await source.next() });
  const pending = new Map([
    [a, next(a)],
    [b, next(b)],
  ]);
  try {
    for (;;) {
      const { source, result } = await Promise.race(pending.values());
      if (result.done) return;
      pending.set(source, next(source));
      yield result.value;
    }
  } finally {
    for (const left of pending.values()) left.catch(() => {});
  }
}
