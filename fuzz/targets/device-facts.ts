/**
 * What a client reads from its own machine: the SMBIOS table of Windows, the printed registry and versions of a Mac, and
 * the answers of the helper for the Secure Enclave. A virtual machine's owner chooses the first two.
 */
import assert from "node:assert/strict";
import { concat, utf8 } from "#base/bytes.ts";
import {
  parseJamfVersion,
  parsePlatformExpert,
  parseProductVersion,
} from "#client/device/macos/collect.ts";
import { parseAnswer } from "#client/device/macos/enclave-helper.ts";
import { parseSmbios } from "#client/device/windows/smbios.ts";
import type { Target } from "../target.ts";

const smbios = concat(
  Uint8Array.of(0, 2, 4, 0, 37, 0, 0, 0),
  Uint8Array.of(1, 8, 0, 0, 1, 2, 3, 4),
  utf8("Acme\0Model\0v1\0SERIAL\0\0"),
  Uint8Array.of(127, 4, 0, 0, 0, 0),
);
const operations = ["probe", "create", "sign"] as const;

/** The first byte chooses the parser. */
export const deviceFacts: Target = {
  name: "device-facts",
  maxLength: 1 << 16,
  dictionary: ["\0\0", '"IOPlatformSerialNumber" = "', '"model" = <"', '{"version":1,', "version="],
  open: () => ({
    seeds: [
      concat(Uint8Array.of(0), smbios),
      concat(
        Uint8Array.of(1),
        utf8('  "IOPlatformSerialNumber" = "C02"\n  "model" = <"Mac14,2">\n'),
      ),
      concat(Uint8Array.of(2), utf8("14.1.2")),
      concat(Uint8Array.of(3), utf8('{"version":1,"available":true}')),
      concat(Uint8Array.of(4), utf8('{"version":1,"key":"AA==","public_key":"AA=="}')),
      concat(Uint8Array.of(5), utf8('{"version":1,"error":{"code":"failed","message":"x"}}')),
    ],
    run(input) {
      const body = input.subarray(1);
      const text = new TextDecoder().decode(body);
      const choice = (input[0] ?? 0) % 6;
      if (choice === 0) return judgeTexts(Object.values(parseSmbios(body)));
      if (choice === 1) return judgeTexts(Object.values(parsePlatformExpert(text)));
      if (choice === 2) return judgeTexts([parseProductVersion(text), parseJamfVersion(text)]);
      const answer = parseAnswer(operations[choice - 3] ?? "probe", text);
      return Object.keys(answer as object).join(" ");
    },
  }),
};

/** No fact is longer than an inventory takes. */
function judgeTexts(texts: readonly string[]): string {
  for (const text of texts) assert.ok(text.length <= 256 && text === text.trim());
  return texts.map((text) => (text === "" ? "-" : "+")).join("");
}
