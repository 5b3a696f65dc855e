/**
 * Posture rules: expressions over the facts of a device and its person, as roles and the cluster state them.
 *
 * A fact that is not known is not false: it has no value. The rule then holds only if it holds whatever the fact is, as
 * `device.os == "macos" || device.secure_boot` does for a Mac. So what is missing never meets a rule, inside `!` neither.
 */
import { isFault } from "#base/fault.ts";
import { type Conjunct, compileConjuncts } from "./evaluate.ts";
import * as functions from "./functions.ts";
import { defineScope, type Value, type ValueType } from "./scope.ts";
import { changing, comparing, type ExpressionUser, userValues } from "./scopes.ts";

/** The facts that rules may name, without `device.`, and their types. */
const factTypes = {
  os: "string",
  os_version: "string",
  os_build: "string",
  os_id: "string",
  model: "string",
  asset_tag: "string",
  attestation: "string",
  secure_boot: "boolean",
  source: "string",
  origin: "string",
  owner: "string",
  data_age: "age",
  profile_age: "age",
  profile_agrees: "boolean",
} as const satisfies Record<string, ValueType>;

/** Name of a fact. */
export type PostureFact = keyof typeof factTypes;

/** What is known of a device. Ages are milliseconds. */
export type PostureFacts = Readonly<
  Partial<Record<PostureFact, string | boolean | number | undefined>>
>;

/** A fact that a rule looked at; without a value when it is not known. */
export interface LookedAt {
  /** Rules write `device.` before it. */
  readonly fact: PostureFact;
  readonly value: string | boolean | number | undefined;
}

/** What a rule says: met, or not, because of a part of it that looked at these facts. */
export type PostureVerdict =
  | { readonly met: true }
  | { readonly met: false; readonly facts: readonly LookedAt[] };

/** A checked rule. */
export interface PostureRule {
  readonly source: string;
  /** Never throws for what facts or traits hold: what cannot be evaluated is not met. */
  decide(user: ExpressionUser, facts: PostureFacts): PostureVerdict;
}

const scope = defineScope(
  {
    "user.metadata.name": "string",
    "user.spec.traits": "lists",
    "user.spec.roles": "list",
    ...Object.fromEntries(
      Object.entries(factTypes).map(([name, type]) => [`device.${name}`, type]),
    ),
  },
  {
    ...comparing,
    ...changing,
    version_at_least: functions.versionAtLeast,
    at_most: functions.atMost,
  },
  {
    "device.os": ["linux", "macos", "windows", "ios", "ipados"],
    "device.attestation": ["unspecified", "tpm_ekpub", "tpm_ekcert", "tpm_ekcert_trusted"],
    "device.origin": ["", "api", "jamf", "intune"],
  },
);

/** Parses and checks a rule. Throws `invalid` with position and nearest word. */
export function compilePostureRule(source: string): PostureRule {
  const parts = compileConjuncts(source, scope);
  return {
    source,
    decide(user, facts) {
      const known = Object.entries(facts).filter(([, value]) => value !== undefined);
      const values: Record<string, Value> = {
        ...userValues(user),
        ...Object.fromEntries(known.map(([name, value]) => [`device.${name}`, value])),
      };
      const failing = parts.find((part) => !holds(part, values));
      if (failing === undefined) return { met: true };
      return { met: false, facts: lookedAt(failing, facts) };
    },
  };
}

function holds(part: Conjunct, values: Readonly<Record<string, Value>>): boolean {
  try {
    return part.test(values) === true;
  } catch (error) {
    if (isFault(error)) return false;
    throw error;
  }
}

function lookedAt({ names }: Conjunct, facts: PostureFacts): LookedAt[] {
  return names
    .filter((name) => name.startsWith("device."))
    .map((name) => name.slice("device.".length) as PostureFact)
    .map((fact) => ({ fact, value: facts[fact] }));
}
