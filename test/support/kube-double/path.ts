/** What a request to the double asks for, from its path: its own reading, so that it cannot repeat a mistake of ours. */
import { type ServedResource, served } from "./discovery.ts";
import type { Attributes } from "./rbac.ts";

/** A path as the double reads it. */
export interface ReadPath {
  readonly attributes: Attributes;
  readonly subresource: string;
  readonly pathname: string;
  readonly served: ServedResource | undefined;
}

/** Reads one. A path that it does not know has no resource. */
export function readPath(method: string, pathname: string, query: URLSearchParams): ReadPath {
  const match =
    /^(?:\/api\/v1|\/apis\/([^/]+)\/[^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(
      pathname,
    );
  const decoded = (match ?? []).map((part) => (part === undefined ? "" : decodeURIComponent(part)));
  const [, group = "", namespace = "", resource = "", name = "", subresource = ""] = decoded;
  const watches = query.has("watch") && !/^(false|0)$/i.test(query.get("watch") ?? "");
  const reads = name === "" ? (watches ? "watch" : "list") : "get";
  const deletes = name === "" ? "deletecollection" : "delete";
  const verbs: Record<string, string> = {
    GET: reads,
    HEAD: reads,
    POST: "create",
    PUT: "update",
    PATCH: "patch",
    DELETE: deletes,
  };
  const attributes: Attributes = {
    verb: verbs[method] ?? method.toLowerCase(),
    group,
    resource: subresource === "" ? resource : `${resource}/${subresource}`,
    namespace,
    name,
  };
  const found = served.find((row) => row.group === group && row.name === resource);
  return { attributes, subresource, pathname, served: found };
}
