/**
 * Texts that hold resources: the files of `tctl create`, the editor of `tctl edit`, the JSON that
 * `tctl get` prints. Every problem of every document is found in one pass and says where it is.
 */
import { nearest } from "#base/nearest.ts";
import { findKind, kindInfo, kinds, type Resource } from "../kinds.ts";
import { checkValue, formatPath, type Problem } from "../problem.ts";
import { shorten } from "../scalar.ts";
import { type Diagnostic, faultOf, sortDiagnostics } from "./diagnostic.ts";
import { type ReadOptions, readYaml, type YamlDocument } from "./read.ts";

/** What a text holds: canonical documents and everything that is wrong. */
export interface CheckedDocuments {
  readonly resources: readonly Resource[];
  /** The line in which each resource begins. */
  readonly lines: ReadonlyMap<Resource, number>;
  readonly diagnostics: readonly Diagnostic[];
}

/** The resources of a text, in order. Throws `invalid`, listing every problem with its place. */
export function parseDocuments(text: string, options: ReadOptions): Resource[] {
  return [...parseLocatedDocuments(text, options).keys()];
}

/** As {@link parseDocuments}, with the line in which each resource begins. */
export function parseLocatedDocuments(
  text: string,
  options: ReadOptions,
): ReadonlyMap<Resource, number> {
  const { lines, diagnostics } = checkDocuments(text, options);
  if (diagnostics.length > 0) throw faultOf(diagnostics);
  return lines;
}

/** Reads the resources of a text and everything that is wrong with it. Throws nothing. */
export function checkDocuments(text: string, options: ReadOptions): CheckedDocuments {
  const { documents, diagnostics } = readYaml(text, options);
  const found = [...diagnostics];
  const lines = new Map<Resource, number>();
  for (const document of documents) {
    const values: unknown = document.value;
    const single = !Array.isArray(values);
    for (const [index, value] of (single ? [values] : values).entries()) {
      const checked = checkResource(value);
      const root = single ? [] : [index];
      if (checked.problems === undefined) {
        lines.set(checked.value, document.locate(root, "value").line);
      } else {
        found.push(...locateProblems(checked.problems, document, options.source, root));
      }
    }
  }
  if (lines.size === 0 && found.length === 0) {
    const message = "there is no resource in this text";
    found.push({ file: options.source, line: 1, column: 1, message });
  }
  return { resources: [...lines.keys()], lines, diagnostics: sortDiagnostics(found) };
}

/** Gives problems their place in the document; `root` is the path of the value that was checked. */
export function locateProblems(
  problems: readonly Problem[],
  document: YamlDocument,
  file: string,
  root: readonly (string | number)[] = [],
): Diagnostic[] {
  return problems.map(({ path, at, message, suggestion }) => {
    const named = formatPath(at === "key" ? path.slice(0, -1) : path);
    const place = document.locate([...root, ...path], at);
    return { file, ...place, message: named === "" ? message : `${named}: ${message}`, suggestion };
  });
}

function checkResource(value: unknown) {
  const problem = (message: string, suggestion?: string) => ({
    problems: [{ path: [], at: "value", message, suggestion } satisfies Problem],
  });
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return problem("a resource must be a map of keys", 'begin with "kind: role" or another kind');
  }
  const word: unknown = "kind" in value ? value.kind : undefined;
  if (word === undefined || word === null || word === "") {
    const mistyped = Object.keys(value).find(
      (key) => key.length < 10 && nearest(key, ["kind"]) !== undefined,
    );
    if (mistyped === undefined) return problem('the key "kind" is missing');
    const path = [mistyped];
    const message = `unknown key "${shorten(mistyped)}"`;
    return {
      problems: [
        { path, at: "key", message, suggestion: 'did you mean "kind"?' } satisfies Problem,
      ],
    };
  }
  const kind = typeof word === "string" ? findKind(word) : undefined;
  if (kind === undefined) {
    const typed = shorten(String(word));
    const close = nearest(typed, kinds);
    const message = `"${typed}" is not a kind of resource`;
    const suggestion =
      close === undefined ? `known: ${kinds.join(", ")}` : `did you mean "${close}"?`;
    return { problems: [{ path: ["kind"], at: "value", message, suggestion } satisfies Problem] };
  }
  return checkValue(kindInfo(kind).schema, { ...value, kind });
}
