/**
 * Templates in roles: `{{internal.logins}}`, `{{external.team}}`, `{{email.local(external.email)}}`,
 * `{{regexp.replace(external.x, "re", "$1")}}`, with literal text before and after. A template yields one value for
 * each value of the trait; one that yields nothing is dropped, so it never widens what a role allows.
 */
import { Fault } from "#base/fault.ts";
import { compileExpression, type Expression, isStringList } from "./evaluate.ts";
import { hintWords } from "./failure.ts";
import * as functions from "./functions.ts";
import { defineScope } from "./scope.ts";
import { type Node, parseExpression } from "./syntax.ts";

/** Names that `{{internal.…}}` may use: the traits that the product itself gives a meaning. */
const internalTraits = [
  "logins",
  "windows_logins",
  "kubernetes_groups",
  "kubernetes_users",
  "db_names",
  "db_users",
  "db_roles",
  "aws_role_arns",
  "azure_identities",
  "gcp_service_accounts",
  "host_user_uid",
  "host_user_gid",
  "github_orgs",
  "mcp_tools",
  "default_relay_addr",
  "jwt",
] as const;

const templateScope = defineScope(
  { internal: "lists", external: "lists" },
  {
    "email.local": functions.emailLocal,
    "regexp.replace": functions.regexpReplace,
    "strings.upper": functions.upper,
    "strings.lower": functions.lower,
  },
);

interface Template {
  readonly prefix: string;
  readonly expression: Expression;
  readonly suffix: string;
}

/** True for a text that contains template brackets. */
export function isTemplate(text: string): boolean {
  return text.includes("{{") || text.includes("}}");
}

/** Throws `invalid`, with position and nearest word, for a text whose template can never be expanded. */
export function assertTemplate(text: string): void {
  if (isTemplate(text)) parseTemplate(text);
}

/**
 * The values that a text stands for: itself, or for a template one value per value of the trait. Empty values, and a
 * template that is broken or cannot be evaluated, give nothing.
 */
export function expandTemplate(
  text: string,
  traits: Readonly<Record<string, readonly string[]>>,
): string[] {
  if (!isTemplate(text)) return [text];
  try {
    const { prefix, expression, suffix } = parseTemplate(text);
    const value = expression.evaluate({ internal: traits, external: traits });
    const values = typeof value === "string" ? [value] : isStringList(value) ? value : [];
    return values.filter((item) => item !== "").map((item) => prefix + item + suffix);
  } catch (error) {
    if (error instanceof Fault) return [];
    throw error;
  }
}

/** {@link expandTemplate} of each text, without duplicates, in order. */
export function expandTemplates(
  texts: readonly string[],
  traits: Readonly<Record<string, readonly string[]>>,
): string[] {
  return [...new Set(texts.flatMap((text) => expandTemplate(text, traits)))];
}

/** Parsed templates; roles repeat theirs in every decision. */
const parsed = new Map<string, Template>();

function parseTemplate(text: string): Template {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const template = readTemplate(text);
  if (parsed.size >= 256) parsed.clear();
  parsed.set(text, template);
  return template;
}

function readTemplate(text: string): Template {
  const open = text.indexOf("{{");
  const close = text.lastIndexOf("}}");
  const prefix = text.slice(0, Math.max(0, open));
  const suffix = text.slice(close + 2);
  const source = text.slice(open + 2, close);
  if (open < 0 || close < open + 2 || [prefix, source, suffix].some(isTemplate)) {
    throw new Fault("invalid", `${JSON.stringify(text)} is not a template`, {
      hint: "write one {{expression}} in a value, as in {{internal.logins}}",
    });
  }
  const expression = compileExpression(source, templateScope);
  if (expression.type !== "string" && expression.type !== "list") {
    throw new Fault("invalid", `${JSON.stringify(text)} does not name one trait`, {
      hint: "name a trait, as in {{external.team}}",
    });
  }
  assertInternalNames(parseExpression(source), text);
  return { prefix: prefix.trimStart(), expression, suffix: suffix.trimEnd() };
}

function assertInternalNames(node: Node, text: string): void {
  if (node.type === "call") for (const arg of node.args) assertInternalNames(arg, text);
  if (node.type !== "member") return;
  const isInternal = node.object.type === "name" && node.object.name === "internal";
  const key = node.key.type === "literal" ? String(node.key.value) : "";
  if (isInternal && !internalTraits.some((name) => name === key)) {
    throw new Fault("invalid", `unknown trait "internal.${key}" in ${JSON.stringify(text)}`, {
      hint: hintWords(key, internalTraits),
    });
  }
}
