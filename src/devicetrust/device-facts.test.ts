import assert from "node:assert/strict";
import { test } from "node:test";
import { parseResourceOf } from "#resource/parse.ts";
import { attestationTierOf, type BootFacts, secureBootOf } from "./device-facts.ts";

function device(spec: Record<string, unknown>) {
  return parseResourceOf("device", {
    kind: "device",
    version: "v1",
    metadata: { name: "20ec6373-9e8e-46e0-8f1c-47ad6b06a768" },
    spec: { os_type: "linux", asset_tag: "PF47WND6", ...spec },
  });
}

const seen = "2026-11-21T12:00:00.000Z";
const boot: BootFacts = {
  seen,
  eventLog: "explained",
  unexplainedPcrs: [],
  secureBoot: "on",
  pcrs: {},
};

test("tells how far the key of an enrolled device was proved", () => {
  const credential = { id: "key", device_attestation_type: "tpm_ekcert_trusted" };
  const enrolled = device({ enroll_status: "enrolled", credential });
  assert.equal(attestationTierOf(enrolled), "tpm_ekcert_trusted");
  const bare = device({ enroll_status: "enrolled", credential: { id: "key" } });
  assert.equal(attestationTierOf(bare), "unspecified");
});

test("knows no tier of a device that is not enrolled, whatever its credential says", () => {
  assert.equal(attestationTierOf(device({ enroll_status: "not_enrolled" })), undefined);
  const credential = { id: "key", device_attestation_type: "tpm_ekcert_trusted" };
  assert.equal(attestationTierOf(device({ credential })), undefined);
  assert.equal(attestationTierOf(device({ enroll_status: "enrolled" })), undefined);
});

test("takes Secure Boot for on or off only where the log proves it", () => {
  assert.equal(secureBootOf({ boot }), true);
  assert.equal(secureBootOf({ boot: { ...boot, secureBoot: "off" } }), false);
  assert.equal(secureBootOf({ boot: { ...boot, secureBoot: "unclear" } }), undefined);
  assert.equal(secureBootOf({}), undefined);
});
