/**
 * Filters of answers about collections: lists, tables (`kubectl get` asks for them) and watches, in JSON. What a person's
 * roles do not allow is left out, element by element, so an answer of any size needs the memory of one object. An element
 * whose name cannot be read is left out too.
 */
import { Transform } from "node:stream";
import {
  allowsObject,
  type KubernetesObject,
  type KubernetesRules,
} from "#access/kubernetes-resources.ts";
import { Fault } from "#base/fault.ts";
import { ListStream, parseJson, ValueStream } from "./json-values.ts";

/** Whether somebody may see an object of the collection. */
export type Visible = (namespace: string, name: string) => boolean;

/** What the rules of each moment say about each object of a collection. */
export function visibleIn(rules: () => KubernetesRules, collection: KubernetesObject): Visible {
  return (namespace, name) => allowsObject(rules(), { ...collection, namespace, name });
}

/** A stream that filters the answer to a list or a watch. It fails with `malformed` for what is neither. */
export function filterOf(verb: "list" | "watch", visible: Visible): Transform {
  return verb === "watch" ? watchFilter(visible) : listFilter(visible);
}

/**
 * The alternatives of an Accept header that can be filtered: JSON, also as a table. A client that would take nothing else
 * gets plain JSON.
 */
export function jsonOnly(accept: string | undefined): string {
  const alternatives = (accept ?? "").split(",").map((part) => part.trim());
  const json = alternatives.filter((part) => /^application\/json(?:;|$)/i.test(part));
  return json.length === 0 ? "application/json" : json.join(",");
}

/** The path without a parameter that would leave the names out of a table's rows. */
export function withNames(path: string): string {
  const [before = "", query] = path.split("?", 2);
  if (query === undefined) return path;
  const parameters = new URLSearchParams(query);
  if (!parameters.has("includeObject")) return path;
  parameters.delete("includeObject");
  const rest = parameters.toString();
  return rest === "" ? before : `${before}?${rest}`;
}

function listFilter(visible: Visible): Transform {
  const list = new ListStream((element) => isVisible(parseJson(element), visible));
  return new Transform({
    transform(chunk: Buffer, _, done) {
      attempt(done, () => list.push(chunk));
    },
    flush(done) {
      attempt(done, () => {
        list.finish();
        return undefined;
      });
    },
  });
}

function watchFilter(visible: Visible): Transform {
  const values = new ValueStream();
  const events = new EventFilter(visible);
  return new Transform({
    transform(chunk: Buffer, _, done) {
      attempt(done, () => Buffer.concat(values.push(chunk).flatMap((value) => events.pass(value))));
    },
  });
}

function attempt(
  done: (error?: Error | null, data?: Buffer) => void,
  work: () => Buffer | undefined,
) {
  let data: Buffer | undefined;
  try {
    data = work();
  } catch (error) {
    return done(error instanceof Error ? error : new Fault("internal", String(error)));
  }
  return done(null, data);
}

/** The events of one watch. Only the first of a table says what its columns are, also when it is left out. */
class EventFilter {
  readonly #visible: Visible;
  #columns: unknown;

  constructor(visible: Visible) {
    this.#visible = visible;
  }

  pass(bytes: Buffer): Buffer[] {
    const event = record(parseJson(bytes));
    const { type } = event;
    const object = record(event["object"]);
    // Errors and bookmarks name no object.
    if (type === "BOOKMARK" || (type === "ERROR" && object["kind"] === "Status")) {
      return [line(bytes)];
    }
    if (object["kind"] !== "Table") return isVisible(object, this.#visible) ? [line(bytes)] : [];
    const rows = Array.isArray(object["rows"]) ? object["rows"] : [];
    const kept = rows.filter((row) => isVisible(row, this.#visible));
    const columns = object["columnDefinitions"];
    const names = Array.isArray(columns) && columns.length > 0 ? columns : this.#columns;
    if (kept.length === 0) {
      this.#columns = names;
      return [];
    }
    this.#columns = undefined;
    const table = { ...object, columnDefinitions: names ?? null, rows: kept };
    return [line(Buffer.from(JSON.stringify({ ...event, object: table })))];
  }
}

function line(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.from("\n")]);
}

/** An object, or a row of a table, which holds one. */
function isVisible(value: unknown, visible: Visible): boolean {
  const outer = record(value);
  const metadata = record(outer["metadata"] ?? record(outer["object"])["metadata"]);
  const { name, namespace = "" } = metadata;
  return typeof name === "string" && name !== "" && typeof namespace === "string"
    ? visible(namespace, name)
    : false;
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
