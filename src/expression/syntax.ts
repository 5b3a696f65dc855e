/**
 * The grammar of predicates: `||` binds weaker than `&&`, then `==` and `!=`, then `!`, then calls, members and
 * indexes. One grammar serves resource filters, `where` clauses, label expressions and templates; what the names
 * mean is the business of a scope. Nesting is bounded, and chains of one operator are flat.
 */
import { expressionFault } from "./failure.ts";
import { type Token, tokenize } from "./lexer.ts";

/** Deepest nesting of brackets, negations and members. */
export const maxExpressionDepth = 64;

/** A node of the tree. `at` is its offset in the source. */
export type Node =
  | { readonly type: "literal"; readonly value: string | number | boolean; readonly at: number }
  | { readonly type: "name"; readonly name: string; readonly at: number }
  | {
      readonly type: "member";
      readonly object: Node;
      readonly key: Node;
      /** True for `a.b`, false for `a["b"]`. */
      readonly dotted: boolean;
      readonly at: number;
    }
  | {
      readonly type: "call";
      readonly callee: string;
      readonly args: readonly Node[];
      readonly at: number;
    }
  | { readonly type: "not"; readonly operand: Node; readonly at: number }
  | { readonly type: "and" | "or"; readonly operands: readonly Node[]; readonly at: number }
  | {
      readonly type: "equal" | "unequal";
      readonly left: Node;
      readonly right: Node;
      readonly at: number;
    };

/** Parses a whole expression. Throws `invalid` with the position of the first token that does not fit. */
export function parseExpression(source: string): Node {
  const parser = new Parser(source);
  return parser.parseAll();
}

class Parser {
  readonly #source: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
    this.#tokens = tokenize(source);
  }

  parseAll(): Node {
    const node = this.#parseOr();
    const rest = this.#peek();
    if (rest.kind !== "end") throw this.#unexpected(rest, "an operator or the end");
    return node;
  }

  #parseOr(): Node {
    return this.#parseChain("or", "||", () =>
      this.#parseChain("and", "&&", () => this.#parseEqual()),
    );
  }

  #parseChain(type: "and" | "or", symbol: string, parseOperand: () => Node): Node {
    const at = this.#peek().at;
    const first = parseOperand();
    const operands = [first];
    while (this.#accept(symbol)) operands.push(parseOperand());
    return operands.length === 1 ? first : { type, operands, at };
  }

  #parseEqual(): Node {
    const left = this.#parseUnary();
    const operator = this.#peek();
    if (this.#accept("==")) {
      return { type: "equal", left, right: this.#parseUnary(), at: operator.at };
    }
    if (this.#accept("!=")) {
      return { type: "unequal", left, right: this.#parseUnary(), at: operator.at };
    }
    return left;
  }

  #parseUnary(): Node {
    const token = this.#peek();
    if (!this.#accept("!")) return this.#parsePostfix();
    return this.#nested(token, () => ({
      type: "not",
      operand: this.#parseUnary(),
      at: token.at,
    }));
  }

  #parsePostfix(): Node {
    let node = this.#parsePrimary();
    let members = 0;
    for (;;) {
      const token = this.#peek();
      if (this.#accept(".")) {
        const key = this.#take();
        if (key.kind !== "name") throw this.#unexpected(key, "a name");
        node = {
          type: "member",
          object: node,
          key: { type: "literal", value: key.text, at: key.at },
          dotted: true,
          at: token.at,
        };
      } else if (this.#accept("[")) {
        const key = this.#nested(token, () => this.#parseOr());
        this.#expect("]");
        node = { type: "member", object: node, key, dotted: false, at: token.at };
      } else if (token.kind === "symbol" && token.text === "(") {
        node = this.#parseCall(node, token);
      } else {
        return node;
      }
      members++;
      if (members > maxExpressionDepth) throw this.#tooDeep(token);
    }
  }

  #parseCall(callee: Node, open: Token): Node {
    const name = dottedName(callee);
    if (name === undefined) throw this.#unexpected(open, "an operator");
    this.#expect("(");
    const args: Node[] = [];
    if (!this.#accept(")")) {
      do args.push(this.#nested(open, () => this.#parseOr()));
      while (this.#accept(","));
      this.#expect(")");
    }
    return { type: "call", callee: name, args, at: startOf(callee) };
  }

  #parsePrimary(): Node {
    const token = this.#take();
    switch (token.kind) {
      case "string":
        return { type: "literal", value: token.text, at: token.at };
      case "number":
        return { type: "literal", value: Number(token.text), at: token.at };
      case "name":
        if (token.text === "true" || token.text === "false") {
          return { type: "literal", value: token.text === "true", at: token.at };
        }
        return { type: "name", name: token.text, at: token.at };
      case "symbol":
        if (token.text === "(") {
          const node = this.#nested(token, () => this.#parseOr());
          this.#expect(")");
          return node;
        }
        break;
      case "end":
        break;
    }
    throw this.#unexpected(token, "a name, a string or an opening bracket");
  }

  #nested<T>(token: Token, parse: () => T): T {
    this.#depth++;
    if (this.#depth > maxExpressionDepth) throw this.#tooDeep(token);
    const parsed = parse();
    this.#depth--;
    return parsed;
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: "end", text: "", at: this.#source.length };
  }

  #take(): Token {
    const token = this.#peek();
    this.#next++;
    return token;
  }

  #accept(symbol: string): boolean {
    const token = this.#peek();
    if (token.kind !== "symbol" || token.text !== symbol) return false;
    this.#next++;
    return true;
  }

  #expect(symbol: string): void {
    const token = this.#peek();
    if (!this.#accept(symbol)) throw this.#unexpected(token, `"${symbol}"`);
  }

  #unexpected(token: Token, wanted: string): Error {
    const found = token.kind === "end" ? "the end" : JSON.stringify(token.text);
    return expressionFault(this.#source, token.at, `expected ${wanted}, found ${found}`);
  }

  #tooDeep(token: Token): Error {
    return expressionFault(
      this.#source,
      token.at,
      `expression nested deeper than ${maxExpressionDepth} levels`,
    );
  }
}

/** `a.b.c` for a node that is only names and dots, else undefined. */
export function dottedName(node: Node): string | undefined {
  if (node.type === "name") return node.name;
  if (node.type !== "member" || !node.dotted || node.key.type !== "literal") return undefined;
  const object = dottedName(node.object);
  return object === undefined ? undefined : `${object}.${node.key.value}`;
}

/** Offset of the first character of a name with members. */
export function startOf(node: Node): number {
  return node.type === "member" ? startOf(node.object) : node.at;
}
