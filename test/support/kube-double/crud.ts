/** What the double answers to requests for stored objects, watches apart. */
import type { ServedResource } from "./discovery.ts";
import type { ObjectStore, StoredObject } from "./objects.ts";
import type { ReadPath } from "./path.ts";
import { tableOf } from "./table.ts";

/** An answer, to be sent as JSON. */
export interface Answer {
  readonly code: number;
  readonly body: object;
}

/** A request, as far as objects are concerned. */
export interface ObjectRequest extends ReadPath {
  readonly query: URLSearchParams;
  readonly accept: string;
  readonly body: string;
}

/** A Status as an answer. */
export function failure(code: number, reason: string, message: string): Answer {
  const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure" };
  return { code, body: { ...status, message, reason, code } };
}

/** True when the client wants a table. */
export function asksForTable(accept: string): boolean {
  return /as=Table/.test(accept);
}

/** True when the field selector lets the object through; the double knows names only. */
export function isSelected(object: StoredObject, query: URLSearchParams): boolean {
  const [field, value] = (query.get("fieldSelector") ?? "").split("=", 2);
  return field !== "metadata.name" || object.metadata.name === value;
}

/** Reads and writes objects. */
export function answerObjects(store: ObjectStore, request: ObjectRequest): Answer {
  const { attributes, served: resource, query, body } = request;
  if (resource === undefined) return failure(404, "NotFound", "no such resource");
  const { verb, namespace, name } = attributes;
  const key = `${resource.group}/${resource.name}`;
  if (verb === "list") {
    const found = store.list(key, namespace).filter((object) => isSelected(object, query));
    return many(store, found, request, resource);
  }
  if (verb === "deletecollection") {
    for (const { metadata } of store.list(key, namespace)) {
      store.remove(key, metadata.namespace ?? "", metadata.name);
    }
    return { code: 200, body: { kind: "Status", apiVersion: "v1", status: "Success" } };
  }
  const missing = failure(404, "NotFound", `${resource.name} "${name}" not found`);
  const stored = store.get(key, namespace, name);
  if (verb === "get") {
    if (stored === undefined) return missing;
    if (asksForTable(request.accept)) return many(store, [stored], request, resource);
    return { code: 200, body: stored };
  }
  if (verb === "delete") {
    const removed = store.remove(key, namespace, name);
    return removed.ok ? { code: 200, body: removed.object } : missing;
  }
  const sent = parseObject(body);
  if (sent === undefined) return failure(400, "BadRequest", "the body is not an object in JSON");
  const place = resource.namespaced ? { namespace } : {};
  if (verb === "create") {
    const made = store.create(key, { ...sent, metadata: { ...sent.metadata, ...place } });
    if (made.ok) return { code: 201, body: made.object };
    return failure(409, "AlreadyExists", `${resource.name} already exists`);
  }
  if (stored === undefined) return missing;
  const next = verb === "patch" ? (merge(stored, sent) as StoredObject) : sent;
  const updated = store.update(key, { ...next, metadata: { ...next.metadata, name, ...place } });
  if (updated.ok) return { code: 200, body: updated.object };
  return failure(409, "Conflict", "the object has been modified");
}

function many(
  store: ObjectStore,
  items: readonly StoredObject[],
  { accept, query }: ObjectRequest,
  resource: ServedResource,
): Answer {
  const { version } = store;
  if (asksForTable(accept)) {
    const include = query.get("includeObject") ?? "Metadata";
    return { code: 200, body: tableOf(items, version, { columns: true, include }) };
  }
  return {
    code: 200,
    body: {
      kind: `${resource.kind}List`,
      apiVersion: resource.group === "" ? "v1" : `${resource.group}/${resource.version}`,
      metadata: { resourceVersion: version },
      items,
    },
  };
}

function parseObject(body: string): StoredObject | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? (value as StoredObject) : undefined;
  } catch {
    return undefined;
  }
}

/** RFC 7396. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const base = typeof target === "object" && target !== null ? { ...target } : {};
  const merged = base as Record<string, unknown>;
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = merge(merged[key], value);
  }
  return merged;
}
