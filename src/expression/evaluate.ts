/**
 * Compiles and evaluates expressions. Evaluation is pure and bounded: a cost budget covers nodes, characters and
 * regular expression steps. What cannot be decided (a missing identifier, a wrong type in a document, an exhausted
 * budget) throws; callers that guard access treat that as denied.
 */

import { checkExpression } from "./check.ts";
import { expressionFault, isUndecided, undecidedFault } from "./failure.ts";
import type { FunctionSpec, ParamType, Scope, Value, Values, ValueType } from "./scope.ts";
import { dottedName, type Node, parseExpression } from "./syntax.ts";

/** Cost that one evaluation may spend: nodes visited, characters handled, regular expression steps. */
export const maxEvaluationCost = 4_000_000;

/** A checked expression, ready to be evaluated any number of times. */
export interface Expression {
  readonly source: string;
  readonly type: ValueType;
  /** The value for these identifiers. Throws `invalid` when it cannot be computed within the budget. */
  evaluate(values: Values): Value;
}

/** A checked expression whose value is true or false. */
export interface Predicate {
  readonly source: string;
  test(values: Values): boolean;
}

/** Parses and checks an expression. Throws `invalid` with position and nearest word. */
export function compileExpression(source: string, scope: Scope): Expression {
  const node = parseExpression(source);
  const type = checkExpression(source, node, scope);
  return { source, type, evaluate: (values) => new Evaluation(source, scope, values).run(node) };
}

/** Parses and checks an expression that must be a boolean. Throws `invalid`. */
export function compilePredicate(source: string, scope: Scope): Predicate {
  const node = parsePredicate(source, scope);
  return {
    source,
    test: (values) => new Evaluation(source, scope, values).run(node) === true,
  };
}

/** One of the parts of an expression that must all be true. */
export interface Conjunct {
  /** The identifiers that stand in it, each once. */
  readonly names: readonly string[];
  /** Undefined when a value that it needs is missing. Throws `invalid` like {@link Predicate}. */
  test(values: Values): boolean | undefined;
}

/** The parts of an expression of this scope: `a && b` has two, anything else is one. Throws `invalid`. */
export function compileConjuncts(source: string, scope: Scope): readonly Conjunct[] {
  const node = parsePredicate(source, scope);
  return flatten(node).map((part) => ({
    names: [...new Set(namesOf(part, scope))],
    test: (values) => {
      try {
        return new Evaluation(source, scope, values).run(part) === true;
      } catch (error) {
        if (isUndecided(error)) return undefined;
        throw error;
      }
    },
  }));
}

function parsePredicate(source: string, scope: Scope): Node {
  const node = parseExpression(source);
  const type = checkExpression(source, node, scope);
  if (type === "boolean") return node;
  throw expressionFault(
    source,
    0,
    `the expression is a ${type}, not true or false,`,
    'compare it, as in labels["env"] == "prod"',
  );
}

function flatten(node: Node): Node[] {
  return node.type === "and" ? node.operands.flatMap(flatten) : [node];
}

function namesOf(node: Node, scope: Scope): string[] {
  switch (node.type) {
    case "literal":
      return [];
    case "name":
    case "member": {
      const name = dottedName(node);
      if (name !== undefined && name in scope.identifiers) return [name];
      return node.type === "member"
        ? [node.object, node.key].flatMap((n) => namesOf(n, scope))
        : [];
    }
    case "call":
      return node.args.flatMap((arg) => namesOf(arg, scope));
    case "not":
      return namesOf(node.operand, scope);
    case "and":
    case "or":
      return node.operands.flatMap((operand) => namesOf(operand, scope));
    case "equal":
    case "unequal":
      return [node.left, node.right].flatMap((side) => namesOf(side, scope));
  }
}

class Evaluation {
  readonly values: Values;
  readonly #source: string;
  readonly #scope: Scope;
  #budget = maxEvaluationCost;

  constructor(source: string, scope: Scope, values: Values) {
    this.#source = source;
    this.#scope = scope;
    this.values = values;
  }

  spend(units: number): void {
    this.#budget -= units;
    if (this.#budget < 0) {
      throw expressionFault(this.#source, 0, "the expression costs too much to evaluate");
    }
  }

  run(node: Node): Value {
    this.spend(1);
    switch (node.type) {
      case "literal":
        return node.value;
      case "name":
      case "member":
        return this.#runReference(node);
      case "call":
        return this.#runCall(node);
      case "not":
        return !this.#runBoolean(node.operand);
      case "and":
        return this.#runChain(node.operands, false);
      case "or":
        return this.#runChain(node.operands, true);
      case "equal":
        return sameScalar(this.run(node.left), this.run(node.right));
      case "unequal":
        return !sameScalar(this.run(node.left), this.run(node.right));
    }
  }

  /** One operand with the value `decisive` decides the chain; without one, every operand must have a value. */
  #runChain(operands: readonly Node[], decisive: boolean): boolean {
    let undecided: unknown;
    for (const operand of operands) {
      try {
        if (this.#runBoolean(operand) === decisive) return decisive;
      } catch (error) {
        if (!isUndecided(error)) throw error;
        undecided ??= error;
      }
    }
    if (undecided !== undefined) throw undecided;
    return !decisive;
  }

  #runBoolean(node: Node): boolean {
    const value = this.run(node);
    if (typeof value === "boolean") return value;
    throw expressionFault(this.#source, node.at, "expected true or false");
  }

  #runReference(node: Node): Value {
    const name = dottedName(node);
    if (name !== undefined && name in this.#scope.identifiers) {
      if (!Object.hasOwn(this.values, name)) {
        throw undecidedFault(this.#source, node.at, `"${name}" has no value here`);
      }
      return this.values[name];
    }
    if (node.type !== "member") {
      throw expressionFault(this.#source, node.at, `unknown identifier "${name}"`);
    }
    const object = this.run(node.object);
    const key = this.run(node.key);
    const value = typeof key === "string" ? memberOf(object, key) : undefined;
    return value === undefined && this.#isLists(node.object) ? [] : value;
  }

  /** A trait that the user does not have is an empty list, not an empty string. */
  #isLists(node: Node): boolean {
    const name = dottedName(node);
    return name !== undefined && this.#scope.identifiers[name] === "lists";
  }

  #runCall(node: Node & { type: "call" }): Value {
    const spec = this.#scope.functions[node.callee];
    if (spec === undefined) {
      throw expressionFault(this.#source, node.at, `unknown function "${node.callee}"`);
    }
    const args = node.args.map((arg, index) => this.#runArgument(arg, spec, index));
    return spec.call(args, {
      values: this.values,
      spend: (units) => this.spend(units),
      undecided: (message) => undecidedFault(this.#source, node.at, message),
    });
  }

  #runArgument(node: Node, spec: FunctionSpec, index: number): Value {
    const wanted = spec.params[index] ?? spec.rest ?? "any";
    const value = convert(this.run(node), wanted);
    if (value === mismatch) {
      throw expressionFault(this.#source, node.at, `expected a ${wanted}`);
    }
    this.spend(sizeOf(value));
    return value;
  }
}

const mismatch = Symbol("mismatch");

/** Fits a value whose type was not known before to a parameter; absent values become empty ones. */
function convert(value: Value, wanted: ParamType): Value | typeof mismatch {
  switch (wanted) {
    case "string":
    case "pattern":
      return value === undefined ? "" : typeof value === "string" ? value : mismatch;
    case "list":
      if (typeof value === "string") return [value];
      return value === undefined ? [] : isStringList(value) ? value : mismatch;
    case "text":
      if (value === undefined) return "";
      return typeof value === "string" || isStringList(value) ? value : mismatch;
    case "version":
    case "duration":
      return typeof value === "string" ? value : mismatch;
    case "age":
      return typeof value === "number" ? value : mismatch;
    case "number":
    case "boolean":
      return typeof value === wanted ? value : mismatch;
    case "strings":
    case "lists":
    case "document":
    case "any":
      return value;
  }
}

/** True for a list of strings. */
export function isStringList(value: Value): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** Equality of scalars; what is absent equals the empty string; lists and maps equal nothing. */
export function sameScalar(a: Value, b: Value): boolean {
  const left = a ?? "";
  const right = b ?? "";
  return typeof left !== "object" && left === right;
}

function memberOf(object: Value, key: string): Value {
  if (object === null || typeof object !== "object" || Array.isArray(object)) return undefined;
  const table = object as Readonly<Record<string, Value>>;
  if (!Object.hasOwn(table, key)) return undefined;
  return table[key] ?? undefined;
}

function sizeOf(value: Value): number {
  if (typeof value === "string") return value.length;
  if (!Array.isArray(value)) return 1;
  return value.reduce((sum: number, item) => sum + sizeOf(item) + 1, 0);
}
