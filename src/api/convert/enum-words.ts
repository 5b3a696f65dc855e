/**
 * How documents write enums: a word for each number. Most words follow from the name of the value; the exceptions
 * stand here.
 */
import type { DescEnum } from "@bufbuild/protobuf";
import { Fault } from "#base/fault.ts";

type Word = string | boolean;

/** Enums whose words do not follow from their names, in the order of their numbers. */
const exceptions: ReadonlyMap<string, readonly Word[]> = new Map<string, readonly Word[]>([
  [
    "types.RequireMFAType",
    [
      false,
      true,
      "hardware_key",
      "hardware_key_touch",
      "hardware_key_pin",
      "hardware_key_touch_and_pin",
    ],
  ],
  ["types.CreateHostUserMode", ["", "off", "drop", "keep", "insecure-drop"]],
  ["types.CreateDatabaseUserMode", ["", "off", "keep", "best_effort_drop"]],
  ["types.SignatureAlgorithmSuite", ["", "legacy", "balanced-v1", "fips-v1", "hsm-v1"]],
  ["types.PrivateKeyType", ["RAW", "PKCS11", "GCP_KMS", "AWS_KMS"]],
  ["types.CertAuthoritySpecV2.SigningAlgType", ["", "RSA_SHA1", "RSA_SHA2_256", "RSA_SHA2_512"]],
]);

/** The word for a number. A number that we do not know is written as itself, so that nothing is lost. */
export function wordOfNumber(desc: DescEnum, number: number): Word | number {
  const special = exceptions.get(desc.typeName);
  if (special) return special[number] ?? number;
  const value = desc.value[number];
  return value ? wordOfName(desc, value.name) : number;
}

/** The number for what a document says. Throws `invalid` for a word that the enum does not have. */
export function numberOfWord(desc: DescEnum, word: unknown): number {
  if (typeof word === "number" && Number.isInteger(word)) return word;
  const found = desc.values.find(({ number }) => wordOfNumber(desc, number) === word);
  if (!found) throw new Fault("invalid", `"${String(word)}" is not a known ${desc.name}`);
  return found.number;
}

/** The name in lower case without what all names of the enum begin with: OS_TYPE_LINUX is "linux". */
function wordOfName(desc: DescEnum, name: string): string {
  return name.slice(prefixLength(desc)).toLowerCase();
}

const prefixLengths = new WeakMap<DescEnum, number>();

function prefixLength(desc: DescEnum): number {
  const known = prefixLengths.get(desc);
  if (known !== undefined) return known;
  const [first = "", ...others] = desc.values.map((value) => value.name);
  let length = first.lastIndexOf("_") + 1;
  while (length > 0 && others.some((name) => !name.startsWith(first.slice(0, length)))) {
    length = first.lastIndexOf("_", length - 2) + 1;
  }
  prefixLengths.set(desc, length);
  return length;
}
