/**
 * Plain values (from JSON, from a converted message) to canonical documents. For texts that a
 * person wrote use `yaml/documents.ts`, which says where in the text each problem is.
 */
import { Fault } from "#base/fault.ts";
import { findKind, type Kind, kindInfo, type Resource, type ResourceOf } from "./kinds.ts";
import { checkValue, formatPath, type Problem } from "./problem.ts";
import { unknownKind } from "./reference.ts";

/** The canonical document of any kind. Throws `invalid` that names every problem. */
export function parseResource(value: unknown): Resource {
  const word = typeof value === "object" && value !== null && "kind" in value ? value.kind : "";
  const kind = typeof word === "string" ? findKind(word) : undefined;
  if (kind === undefined || kind !== word) {
    throw new Fault(
      "invalid",
      `the document has no known kind: ${unknownKind(String(word)).message}`,
    );
  }
  return parseResourceOf(kind, value);
}

/**
 * The canonical document of one kind, defaults filled in. Throws `invalid` that names every
 * problem.
 */
export function parseResourceOf<K extends Kind>(kind: K, value: unknown): ResourceOf[K] {
  const checked = checkValue(kindInfo(kind).schema, value);
  if (checked.problems === undefined) return checked.value;
  throw new Fault("invalid", checked.problems.map(formatProblem).join("; "));
}

function formatProblem({ path, at, message, suggestion }: Problem): string {
  const place = formatPath(at === "key" ? path.slice(0, -1) : path);
  const advice = suggestion === undefined ? "" : ` (${suggestion})`;
  return `${place === "" ? "" : `${place}: `}${message}${advice}`;
}
