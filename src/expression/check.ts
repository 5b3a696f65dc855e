/**
 * Checks an expression against a scope before it is stored or evaluated: every name and function must exist, every
 * argument must fit, regular expressions that are written out must be valid. Nothing is evaluated.
 */
import { parseDurationWithDays } from "#base/duration.ts";
import { Fault } from "#base/fault.ts";
import { parseVersionNumber } from "#base/version-number.ts";
import { expressionFault, hintWords } from "./failure.ts";
import { compileRegex } from "./regex.ts";
import type { ParamType, Scope, ValueType } from "./scope.ts";
import { dottedName, type Node, startOf } from "./syntax.ts";

/** The type of a checked expression. Throws `invalid` with a position for everything that can never work. */
export function checkExpression(source: string, node: Node, scope: Scope): ValueType {
  return new Checker(source, scope).check(node);
}

/** Texts of a certain form, and what reads them; each throws a {@link Fault}. */
const writtenOut: Readonly<Partial<Record<ParamType, (text: string) => unknown>>> = {
  pattern: compileRegex,
  duration: parseDurationWithDays,
  version: readVersion,
};

function readVersion(text: string): void {
  if (parseVersionNumber(text) !== undefined) return;
  throw new Fault("invalid", `${JSON.stringify(text)} is not a version number`, {
    hint: 'write dotted numbers, as in "14.2"',
  });
}

class Checker {
  readonly #source: string;
  readonly #scope: Scope;

  constructor(source: string, scope: Scope) {
    this.#source = source;
    this.#scope = scope;
  }

  check(node: Node): ValueType {
    switch (node.type) {
      case "literal":
        return typeof node.value as "string" | "number" | "boolean";
      case "name":
      case "member":
        return this.#checkReference(node);
      case "call":
        return this.#checkCall(node);
      case "not":
        this.#demand(node.operand, "boolean");
        return "boolean";
      case "and":
      case "or":
        for (const operand of node.operands) this.#demand(operand, "boolean");
        return "boolean";
      case "equal":
      case "unequal":
        this.#checkComparison(node.left, node.right, node.at);
        return "boolean";
    }
  }

  #checkReference(node: Node): ValueType {
    const name = dottedName(node);
    if (name !== undefined && name in this.#scope.identifiers) {
      return this.#scope.identifiers[name] ?? "document";
    }
    if (node.type !== "member" || this.#isPrefixOnly(node.object)) {
      throw this.#unknown("identifier", name ?? "", startOf(node), this.#scope.identifiers);
    }
    const object = this.check(node.object);
    this.#demand(node.key, "string");
    if (object === "strings") return "string";
    if (object === "lists") return "list";
    if (object === "document") return "document";
    throw this.#fault(node.at, `a value of type ${object} has no members`);
  }

  /** True for `user` and `user.spec` when only `user.spec.traits` is an identifier. */
  #isPrefixOnly(node: Node): boolean {
    const name = dottedName(node);
    if (name === undefined) return false;
    return Object.keys(this.#scope.identifiers).some((known) => known.startsWith(`${name}.`));
  }

  #checkCall(node: Node & { type: "call" }): ValueType {
    const spec = this.#scope.functions[node.callee];
    if (spec === undefined) {
      throw this.#unknown("function", node.callee, node.at, this.#scope.functions);
    }
    const { params, rest } = spec;
    if (
      node.args.length < params.length ||
      (rest === undefined && node.args.length > params.length)
    ) {
      const count = `${rest === undefined ? "" : "at least "}${params.length}`;
      throw this.#fault(
        node.at,
        `function "${node.callee}" takes ${count} argument${params.length === 1 ? "" : "s"}, not ${node.args.length},`,
      );
    }
    let first: ValueType | undefined;
    node.args.forEach((arg, index) => {
      const type = this.#demand(arg, params[index] ?? rest ?? "any");
      first ??= type;
    });
    this.#checkWordSet(node);
    return spec.result === "first" ? (first ?? "string") : spec.result;
  }

  #checkComparison(left: Node, right: Node, at: number): void {
    const types = [this.check(left), this.check(right)] as const;
    const scalar = types.every((type) =>
      ["string", "number", "boolean", "document"].includes(type),
    );
    const same = types[0] === types[1] || types.includes("document");
    if (scalar && same) {
      this.#checkWord(left, right);
      this.#checkWord(right, left);
      return;
    }
    throw this.#fault(
      at,
      `a value of type ${types[0]} cannot be compared with one of type ${types[1]}`,
      types.includes("list")
        ? "use contains(list, item)"
        : types.includes("age")
          ? 'use at_most(age, "24h")'
          : undefined,
    );
  }

  /** A text that the identifier never has would make the comparison a constant. */
  #checkWord(identifier: Node, literal: Node): void {
    const words = this.#scope.words[dottedName(identifier) ?? ""];
    if (words === undefined || literal.type !== "literal") return;
    if (words.some((word) => word === literal.value)) return;
    const name = dottedName(identifier) ?? "";
    const hint = hintWords(String(literal.value), words);
    throw this.#fault(literal.at, `${name} is never ${JSON.stringify(literal.value)}`, hint);
  }

  /** The same for `contains(set("a", "b"), identifier)`. */
  #checkWordSet({ callee, args }: Node & { type: "call" }): void {
    const [items, item] = args;
    if (callee !== "contains" || item === undefined) return;
    if (items?.type !== "call" || items.callee !== "set") return;
    for (const literal of items.args) this.#checkWord(item, literal);
  }

  #demand(node: Node, wanted: ParamType): ValueType {
    const type = this.check(node);
    if (!fits(type, wanted)) {
      const name = wanted in writtenOut ? "string" : wanted;
      const article = name === "age" ? "an" : "a";
      throw this.#fault(
        startOf(node),
        `expected ${article} ${name}, found a value of type ${type}`,
      );
    }
    const read = writtenOut[wanted];
    if (read !== undefined && node.type === "literal") this.#checkWrittenOut(node, read);
    return type;
  }

  #checkWrittenOut(node: Node & { type: "literal" }, read: (text: string) => unknown): void {
    try {
      read(String(node.value));
    } catch (error) {
      const { message, hint } = error as Fault;
      throw this.#fault(node.at, message, hint);
    }
  }

  #unknown(what: string, word: string, at: number, known: object): Fault {
    return this.#fault(at, `unknown ${what} "${word}"`, hintWords(word, Object.keys(known)));
  }

  #fault(at: number, message: string, hint?: string): Fault {
    return expressionFault(this.#source, at, message, hint);
  }
}

function fits(type: ValueType, wanted: ParamType): boolean {
  if (wanted === "any" || type === "document" || type === wanted) return true;
  if (wanted in writtenOut) return type === "string";
  if (wanted === "list") return type === "string";
  return wanted === "text" && (type === "string" || type === "list");
}
