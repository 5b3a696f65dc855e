/**
 * A composed YAML tree to plain values and the places of their keys. What is valid YAML but not
 * plain data (custom tags, merge keys, keys that are no text, keys that appear twice, unknown
 * aliases) is reported here.
 */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { shorten } from "../scalar.ts";

/** Offsets of one value, of its key (for list items: of the item), and of what it contains. */
export interface Place {
  readonly key: number;
  readonly value: number;
  readonly children?: ReadonlyMap<string | number, Place>;
}

/** A plain value with the places inside it. */
export interface Built {
  readonly value: unknown;
  readonly place: Place;
}

type Report = (offset: number, message: string, suggestion?: string) => void;

/**
 * Builds the value of a node. `budget` is shared by all documents of a text. Undefined when a part
 * could not be built: what is left would only be reported as missing.
 */
export function buildValue(
  node: Node,
  maxDepth: number,
  budget: { nodes: number },
  report: Report,
): Built | undefined {
  const builder = new Builder(maxDepth, budget, report);
  const built = builder.build(node, 0, startOf(node));
  return builder.complete ? built : undefined;
}

class Builder {
  /** False once a value could not be built. */
  complete = true;
  readonly #anchors = new Map<string, Node>();
  readonly #open = new Set<Node>();
  readonly #maxDepth: number;
  readonly #budget: { nodes: number };
  readonly #report: Report;

  constructor(maxDepth: number, budget: { nodes: number }, report: Report) {
    this.#maxDepth = maxDepth;
    this.#budget = budget;
    this.#report = report;
  }

  build(node: Node, depth: number, key: number): Built | undefined {
    const built = this.#build(node, depth, key);
    if (built === undefined) this.complete = false;
    return built;
  }

  #build(node: Node, depth: number, key: number): Built | undefined {
    if (this.#budget.nodes < 0) return undefined;
    this.#budget.nodes--;
    if (this.#budget.nodes < 0 || depth > this.#maxDepth) {
      this.#budget.nodes = -1;
      this.#report(
        key,
        depth > this.#maxDepth ? "aliases nest too deep" : "the text has too many values",
      );
      return undefined;
    }
    if (isAlias(node)) return this.#buildAlias(node, depth, key);
    if ("anchor" in node && node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (node.tag !== undefined && !plainTags.has(node.tag)) {
      this.#report(startOf(node), `the tag ${shorten(node.tag)} is not accepted`, "remove it");
      return undefined;
    }
    if (isScalar(node)) return { value: scalarValue(node), place: { key, value: startOf(node) } };
    this.#open.add(node);
    const built = isMap(node)
      ? this.#buildMap(node, depth, key)
      : this.#buildSeq(node as YAMLSeq<Node>, depth, key);
    this.#open.delete(node);
    return built;
  }

  #buildAlias(node: Node & { source: string }, depth: number, key: number): Built | undefined {
    const target = this.#anchors.get(node.source);
    if (target === undefined || this.#open.has(target)) {
      const why = target === undefined ? "has no anchor before it" : "contains itself";
      this.#report(startOf(node), `the alias *${shorten(node.source)} ${why}`);
      return undefined;
    }
    return this.build(target, depth + 1, key);
  }

  #buildMap(node: YAMLMap, depth: number, key: number): Built {
    const value: Record<string, unknown> = {};
    const children = new Map<string | number, Place>();
    for (const pair of node.items) {
      const name = this.#buildKey(pair.key, startOf(node));
      if (name === undefined) continue;
      const at = startOf(pair.key as Node, startOf(node));
      if (children.has(name)) {
        this.#report(at, `the key "${shorten(name)}" appears twice in this map`, "remove one");
        continue;
      }
      const child = isNode(pair.value)
        ? this.build(pair.value, depth + 1, at)
        : { value: null, place: { key: at, value: at } };
      children.set(name, child?.place ?? { key: at, value: at });
      if (child !== undefined) value[name] = child.value;
    }
    return { value, place: { key, value: startOf(node), children } };
  }

  #buildKey(node: unknown, fallback: number): string | undefined {
    if (!isScalar(node) || typeof keyText(node) !== "string") {
      this.#report(isNode(node) ? startOf(node, fallback) : fallback, "a key must be plain text");
      return undefined;
    }
    if (node.tag !== undefined && !plainTags.has(node.tag)) {
      this.#report(startOf(node), `the tag ${shorten(node.tag)} is not accepted`, "remove it");
      return undefined;
    }
    const name = keyText(node) ?? "";
    if (name === "__proto__") {
      this.#report(startOf(node), 'the key "__proto__" is not accepted');
      return undefined;
    }
    if (name === "<<" && node.type === "PLAIN") {
      this.#report(startOf(node), "merge keys are not accepted", "write the keys out");
      return undefined;
    }
    return name;
  }

  #buildSeq(node: YAMLSeq<Node>, depth: number, key: number): Built {
    const value: unknown[] = [];
    const children = new Map<string | number, Place>();
    for (const [index, item] of node.items.entries()) {
      const at = isNode(item) ? startOf(item, startOf(node)) : startOf(node);
      const child = isNode(item) ? this.build(item, depth + 1, at) : undefined;
      children.set(index, child?.place ?? { key: at, value: at });
      value.push(child?.value ?? null);
    }
    return { value, place: { key, value: startOf(node), children } };
  }
}

const plainTags = new Set(
  ["str", "int", "float", "bool", "null", "map", "seq"].map((name) => `tag:yaml.org,2002:${name}`),
);

function isNode(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value);
}

function startOf(node: Node, fallback = 0): number {
  return node?.range?.[0] ?? fallback;
}

/** Text of a key; numbers and booleans are text as written. */
function keyText(node: Scalar): string | undefined {
  const { value } = node;
  if (typeof value === "string") return value;
  return value === null && node.source === "" ? undefined : (node.source ?? String(value));
}

/** The value of a scalar; a number that would not be printed as it was written stays text. */
function scalarValue(node: Scalar): unknown {
  const { value, source } = node;
  if (typeof value === "string" || value === null) return value;
  if (typeof value === "number" || typeof value === "boolean") {
    return source === undefined || String(value) === source ? value : source;
  }
  return source ?? String(value);
}
