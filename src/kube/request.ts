/**
 * What a request to the Kubernetes API asks for, read from method, path and query as the API server reads them
 * (Kubernetes API concepts: resource URIs; API access: request attributes). Strict: a path that two programs could read
 * differently is refused, and what goes on to the API server is written anew from what was read.
 *
 * Pure. Knows no cluster, so it cannot tell whether a resource exists.
 */
import { Fault } from "#base/fault.ts";

/** A request for objects of a resource. */
export interface ResourceRequest {
  readonly kind: "resource";
  readonly verb: string;
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** Plural name: `pods`. */
  readonly resource: string;
  /** Empty for objects without a namespace, and for all namespaces. */
  readonly namespace: string;
  /** Empty for a collection. */
  readonly name: string;
  /** With everything behind it: `log`, `proxy/metrics`. Empty for the object itself. */
  readonly subresource: string;
}

/** A request for anything else: discovery, health, metrics. */
export interface PathRequest {
  readonly kind: "path";
  readonly verb: string;
  readonly segments: readonly string[];
}

/** A request, and the path to ask the API server for. */
export type ApiRequest = (ResourceRequest | PathRequest) & { readonly path: string };

const methods: ReadonlyMap<string, string> = new Map([
  ["GET", "get"],
  ["HEAD", "get"],
  ["POST", "create"],
  ["PUT", "update"],
  ["PATCH", "patch"],
  ["DELETE", "delete"],
]);

/** Longest path and query, in characters; the API server's own bound on a request line is larger. */
const longestTarget = 16_384;
const longestSegment = 512;
const mostSegments = 64;

/** Subresources of pods that open a way in, and the verb that roles know them by. */
const streams: ReadonlyMap<string, string> = new Map([
  ["exec", "exec"],
  ["attach", "exec"],
  ["portforward", "portforward"],
]);

/** Reads a request. `target` is the request line's path and query. Throws `malformed`, `too-large` or `unimplemented`. */
export function readRequest(method: string, target: string): ApiRequest {
  if (target.length > longestTarget) throw new Fault("too-large", "the path is too long");
  const verb = methods.get(method);
  if (verb === undefined) {
    throw new Fault("unimplemented", `the method ${method.slice(0, 20)} is not served`);
  }
  const mark = target.indexOf("?");
  const rawPath = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? "" : target.slice(mark + 1);
  const { segments, trailing } = readPath(rawPath);
  const written = `/${segments.map(encodeURIComponent).map(plainColon).join("/")}${trailing ? "/" : ""}`;
  const path = query === "" ? written : `${written}?${query}`;
  const read = readResource(segments, verb, query) ?? { kind: "path" as const, verb, segments };
  if (read.kind === "resource" && trailing) throw ambiguous();
  return { ...read, path };
}

/** True when the query asks for a watch: the API server takes every value for true but `false` and `0`. */
export function asksToWatch(query: string): boolean {
  const value = new URLSearchParams(query).get("watch");
  return value !== null && value !== "0" && value.toLowerCase() !== "false";
}

/** A path as its decoded segments. A slash, percent sign or control character inside of one is refused. */
function readPath(path: string): { segments: string[]; trailing: boolean } {
  if (!path.startsWith("/")) throw new Fault("malformed", "the path does not begin with a slash");
  if (path === "/") return { segments: [], trailing: false };
  const raw = path.slice(1).split("/");
  // `/api/` and `/openapi/v3/` are asked for by real clients.
  const trailing = raw.at(-1) === "";
  if (trailing) raw.pop();
  if (raw.length > mostSegments) throw new Fault("too-large", "the path is too deep");
  return { segments: raw.map(readSegment), trailing };
}

function readSegment(raw: string): string {
  let segment: string;
  try {
    segment = decodeURIComponent(raw);
  } catch (cause) {
    throw new Fault("malformed", "the path is not encoded as it must be", { cause });
  }
  const odd = segment === "" || segment === "." || segment === "..";
  if (odd || /[/\\%?#;\0-\x20\x7f-\u{10ffff}]/u.test(segment)) throw ambiguous();
  if (segment.length > longestSegment) throw new Fault("too-large", "a part of the path is long");
  return segment;
}

function ambiguous(): Fault {
  return new Fault("malformed", "the path can be read in more than one way");
}

/** Names of the cluster's own roles have colons, which clients send as they are. */
function plainColon(encoded: string): string {
  return encoded.replaceAll("%3A", ":");
}

function readResource(
  segments: readonly string[],
  verb: string,
  query: string,
): ResourceRequest | undefined {
  const [root] = segments;
  const prefix = root === "api" ? 2 : root === "apis" ? 3 : Number.POSITIVE_INFINITY;
  if (segments.length <= prefix) return undefined;
  const group = root === "apis" ? (segments[1] ?? "") : "";
  const version = segments[prefix - 1] ?? "";
  let rest = segments.slice(prefix);
  let watches = false;
  if (rest[0] === "proxy") throw new Fault("unimplemented", "the prefix /proxy is not served");
  if (rest[0] === "watch") {
    watches = true;
    rest = rest.slice(1);
    if (rest.length === 0) throw ambiguous();
  }
  const { namespace, resource, name: written, subresource } = readObject(rest);
  const name = subresource.split("/")[0] === "proxy" ? proxiedName(written) : written;
  const about = { kind: "resource", group, version, resource, namespace, name } as const;
  const base = { ...about, subresource };
  if (watches) return { ...base, verb: readWatchPrefix(verb) };
  return { ...base, verb: verbOf(base, verb, query) };
}

function readObject(
  rest: readonly string[],
): Pick<ResourceRequest, "namespace" | "resource" | "name" | "subresource"> {
  const [first = "", second = "", third = ""] = rest;
  if (first !== "namespaces") {
    return { namespace: "", resource: first, name: second, subresource: rest.slice(2).join("/") };
  }
  // `/namespaces/x/status` is part of the namespace x; `/namespaces/x/pods` are the pods in it.
  if (rest.length <= 2 || (rest.length === 3 && ["status", "finalize"].includes(third))) {
    return { namespace: "", resource: first, name: second, subresource: third };
  }
  return {
    namespace: second,
    resource: third,
    name: rest[3] ?? "",
    subresource: rest.slice(4).join("/"),
  };
}

/** Whose proxy it is: the name may stand between a scheme and a port (Kubernetes API reference, connect requests). */
function proxiedName(written: string): string {
  const parts = written.split(":");
  const name = parts.length === 3 ? parts[1] : parts[0];
  if (name === undefined || name === "" || parts.length > 3) throw ambiguous();
  return name;
}

function readWatchPrefix(verb: string): string {
  if (verb !== "get") throw new Fault("malformed", "a watch is asked for with GET");
  return "watch";
}

/** The verb of a subresource that opens a way into something; undefined for others, which keep their own. */
export function verbOfSubresource(resource: string, subresource: string): string | undefined {
  const [part = ""] = subresource.split("/");
  if (resource === "pods" && streams.has(part)) return streams.get(part);
  // Whatever listens inside can be asked for anything.
  if (part === "proxy") return "*";
  return part === "eviction" ? "delete" : undefined;
}

/** The verb as roles know it, which is the API server's own but for what opens a way into something. */
function verbOf(
  { resource, name, subresource }: Omit<ResourceRequest, "verb">,
  verb: string,
  query: string,
): string {
  const opening = verbOfSubresource(resource, subresource);
  if (opening !== undefined) return opening;
  if (name !== "") return verb;
  if (verb === "get") return asksToWatch(query) ? "watch" : "list";
  return verb === "delete" ? "deletecollection" : verb;
}
