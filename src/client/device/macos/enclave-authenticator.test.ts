/** The Mac's side on a SIMULATED helper; a real Secure Enclave was not at hand. */
import assert from "node:assert/strict";
import { verify } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isFault } from "#base/fault.ts";
import { systemRandom } from "#base/random.ts";
import {
  installSimulatedEnclave,
  publicKeyOfSimulated,
} from "../../../../test/support/simulated-enclave.ts";
import { checkEnclave } from "../../doctor/enclave-checks.ts";
import { EnclaveAuthenticator } from "./enclave-authenticator.ts";
import { askEnclave, enclaveHelper, parseAnswer } from "./enclave-helper.ts";
import { parseEnclavePublicKey, readEnclaveKey, writeEnclaveKey } from "./enclave-key-file.ts";

const folder = mkdtempSync(join(tmpdir(), "gatehouse-enclave-"));
after(() => rmSync(folder, { recursive: true }));

const helper = installSimulatedEnclave(folder, "A");
const otherMac = installSimulatedEnclave(folder, "B");
const noEnclave = installSimulatedEnclave(folder, "none");
const challenge = systemRandom(32);

const device = (name: string, program = helper) => {
  const keyFile = join(folder, name);
  return {
    keyFile,
    mac: new EnclaveAuthenticator({ helper: program, keyFile, random: systemRandom }),
  };
};

/** An executable that prints this, whatever it is asked. */
function printing(name: string, script: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\ncat > /dev/null\n${script}\n`, { mode: 0o755 });
  return path;
}

test("makes a key once, and answers enrollment and authentication with it", async () => {
  const { keyFile, mac } = device("whole.json");
  assert.equal(await mac.findCredentialId(), undefined);
  const first = await mac.enrollInit();
  assert.deepEqual(await mac.enrollInit(), first);
  assert.equal(await mac.findCredentialId(), first.credentialId);
  assert.equal(statSync(keyFile).mode & 0o777, 0o600);
  const key = parseEnclavePublicKey(first.macos?.publicKeyDer ?? new Uint8Array());
  for (const answer of [
    await mac.solveEnroll({ kind: "key", challenge }),
    await mac.authenticate({ kind: "key", challenge }),
  ]) {
    assert.ok(answer.kind === "key" && verify("sha256", challenge, key, answer.signature));
  }
});

test("the file holds the key only as the enclave wrapped it", async () => {
  const { keyFile, mac } = device("wrapped.json");
  await mac.enrollInit();
  const stored = readEnclaveKey(keyFile);
  assert.deepEqual(stored && publicKeyOfSimulated(stored.key), stored?.publicKeyDer);
  assert.deepEqual(Object.keys(JSON.parse(readFileSync(keyFile, "utf8"))), [
    "version",
    "credential_id",
    "key",
    "public_key_der",
  ]);
});

test("on another Mac the key is refused with what helps, and an enrollment there makes a new one", async () => {
  const { keyFile, mac } = device("copied.json");
  const first = await mac.enrollInit();
  const thief = new EnclaveAuthenticator({ helper: otherMac, keyFile, random: systemRandom });
  await assert.rejects(
    thief.authenticate({ kind: "key", challenge }),
    (error) =>
      isFault(error, "environment") &&
      error.audit["reason"] === "enclave_key_unusable" &&
      /enroll this device again/.test(error.hint ?? ""),
  );
  assert.notEqual((await thief.enrollInit()).credentialId, first.credentialId);
});

test("a challenge for a TPM, and one without a key, are refused", async () => {
  const { mac } = device("empty.json");
  const tpm = { kind: "tpm", attestationNonce: challenge } as const;
  await assert.rejects(mac.authenticate(tpm), (error) => isFault(error, "malformed"));
  await assert.rejects(mac.authenticate({ kind: "key", challenge }), /this device has no key/);
});

test("a helper that signs with another key than the file names is noticed", async () => {
  const { keyFile, mac } = device("swapped.json");
  await mac.enrollInit();
  const stored = readEnclaveKey(keyFile);
  const other = await askEnclave(helper, { op: "create" });
  assert.ok(stored);
  writeEnclaveKey(keyFile, { ...stored, key: other.key });
  await assert.rejects(mac.authenticate({ kind: "key", challenge }), /signed with another key/);
});

test("a key of another curve is none of an enclave", async () => {
  const der = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex");
  for (const bytes of [new Uint8Array(), new Uint8Array(91), new Uint8Array(der)]) {
    assert.throws(
      () => parseEnclavePublicKey(bytes),
      (error) => isFault(error, "malformed"),
    );
  }
});

for (const [name, text] of Object.entries({
  "no JSON": "{",
  "an older version": '{"version":0,"available":true}',
  "a field of the wrong type": '{"version":1,"available":"yes"}',
  "a field too many": '{"version":1,"available":true,"key":"AA=="}',
  "the answer to another question": '{"version":1,"signature":"AA=="}',
  "an error that nobody knows": '{"version":1,"error":{"code":"odd","message":""}}',
})) {
  test(`refuses ${name} from the helper`, () => {
    assert.throws(
      () => parseAnswer("probe", text),
      (error) => isFault(error, "environment") && /something else/.test(error.message),
    );
  });
}

test("a damaged key file says how to begin anew", () => {
  const path = join(folder, "damaged.json");
  for (const text of ["", "{}", '{"version":1,"credential_id":"x","key":"","public_key_der":""}']) {
    writeFileSync(path, text);
    assert.throws(
      () => readEnclaveKey(path),
      (error) => isFault(error, "environment") && /enroll again: rm /.test(error.hint ?? ""),
    );
  }
});

/** What the doctor prints with this helper. */
async function examine(program: string, name: string): Promise<readonly string[]> {
  const keyFile = join(folder, name);
  const lines: string[] = [];
  for await (const result of checkEnclave({ helper: program, keyFile, random: systemRandom })) {
    lines.push(`${result.outcome} ${result.name}: ${result.message} / ${result.hint ?? ""}`);
  }
  return lines;
}

const troubles: readonly (readonly [string, string, RegExp])[] = [
  ["no helper", join(folder, "absent"), /helper .* is not there: .* \/ build it: swiftc /],
  ["a Mac without an enclave", noEnclave, /has no Secure Enclave \/ .*T2 chip/],
  ["a helper that crashes", printing("crash", "exit 9"), /broke off \/ .*"op":"probe"/],
  ["a helper that prints without end", printing("endless", "yes"), /broke off \//],
  ["a helper of another version", printing("odd", "echo '{}'"), /something else .* \/ build/],
  [
    "a helper that fails",
    printing("failed", `echo '{"version":1,"error":{"code":"failed","message":"x"}}'; exit 1`),
    /did not do its work \/ unlock the Mac/,
  ],
  [
    "a helper that does not know us",
    printing("old", `echo '{"version":1,"error":{"code":"bad_request","message":"x"}}'; exit 1`),
    /does not understand this tsh \/ build the helper/,
  ],
];
for (const [name, program, expected] of troubles) {
  test(`the doctor tells ${name}, and skips the key`, async () => {
    await device("doctor.json").mac.enrollInit();
    const [enclave, key] = await examine(program, "doctor.json");
    assert.match(enclave ?? "", expected);
    assert.match(enclave ?? "", /^problem Secure Enclave: /);
    assert.match(key ?? "", /^skipped device key: the Secure Enclave cannot be used/);
  });
}

test("the doctor is content with an enrolled Mac, and says that another was not enrolled", async () => {
  const { mac } = device("content.json");
  const { credentialId } = await mac.enrollInit();
  const [enclave, key] = await examine(helper, "content.json");
  assert.match(enclave ?? "", /^ok Secure Enclave/);
  assert.match(key ?? "", new RegExp(`^ok device key: .* ${credentialId}`));
  assert.match((await examine(helper, "never.json"))[1] ?? "", /^skipped device key: .*no key/);
});

test("the helper lies beside tsh, unless the environment names another", () => {
  assert.equal(
    enclaveHelper({ GATEHOUSE_LAUNCHER: "/opt/g/bin/tsh" }),
    "/opt/g/bin/gatehouse-enclave",
  );
  assert.equal(enclaveHelper({ GATEHOUSE_ENCLAVE_HELPER: "/x/helper" }), "/x/helper");
});
