/**
 * Checks an expression against a scope before it is stored or evaluated: every name and function must exist, every
 * argument must fit, regular expressions that are written out must be valid. Nothing is evaluated.
 */
import type { Fault } from "#base/fault.ts";
import { expressionFault, hintWords } from "./failure.ts";
import { compileRegex } from "./regex.ts";
import type { ParamType, Scope, ValueType } from "./scope.ts";
import { dottedName, type Node, startOf } from "./syntax.ts";

/** The type of a checked expression. Throws `invalid` with a position for everything that can never work. */
export function checkExpression(source: string, node: Node, scope: Scope): ValueType {
  return new Checker(source, scope).check(node);
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
    return spec.result === "first" ? (first ?? "string") : spec.result;
  }

  #checkComparison(left: Node, right: Node, at: number): void {
    const types = [this.check(left), this.check(right)] as const;
    const scalar = types.every((type) =>
      ["string", "number", "boolean", "document"].includes(type),
    );
    const same = types[0] === types[1] || types.includes("document");
    if (scalar && same) return;
    throw this.#fault(
      at,
      `a value of type ${types[0]} cannot be compared with one of type ${types[1]}`,
      types.includes("list") ? "use contains(list, item)" : undefined,
    );
  }

  #demand(node: Node, wanted: ParamType): ValueType {
    const type = this.check(node);
    if (!fits(type, wanted)) {
      const name = wanted === "pattern" ? "string" : wanted;
      throw this.#fault(startOf(node), `expected a ${name}, found a value of type ${type}`);
    }
    if (wanted === "pattern" && node.type === "literal") this.#checkPattern(node);
    return type;
  }

  #checkPattern(node: Node & { type: "literal" }): void {
    try {
      compileRegex(String(node.value));
    } catch (error) {
      throw this.#fault(node.at, (error as Fault).message);
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
  if (wanted === "pattern") return type === "string";
  if (wanted === "list") return type === "string";
  return wanted === "text" && (type === "string" || type === "list");
}
