import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isFault } from "#base/fault.ts";
import { loadTpmVector } from "../../../test/support/tpm-vectors.ts";
import { readAttestationKey, writeAttestationKey } from "./attestation-key-file.ts";

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "gatehouse-key-"));
});
after(() => rm(dir, { recursive: true, force: true }));

const key = {
  ...loadTpmVector("p256-sha256").parameters,
  private: Uint8Array.of(1, 2, 3),
  endorsementHash: "ab".repeat(32),
};

test("reads back what it wrote, in a file and folder for the person only", async () => {
  const path = join(dir, "new", "key.json");
  await writeAttestationKey(path, key);
  assert.deepEqual(await readAttestationKey(path), key);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await stat(join(dir, "new"))).mode & 0o777, 0o700);
});

test("finds no key where there is no file", async () => {
  assert.equal(await readAttestationKey(join(dir, "none.json")), undefined);
});

test("says what to do with a damaged file", async () => {
  const path = join(dir, "damaged.json");
  await writeAttestationKey(path, key);
  const whole = await readFile(path, "utf8");
  const document = JSON.parse(whole);
  const damages = [
    "",
    "null",
    whole.slice(0, 100),
    JSON.stringify({ ...document, version: 2 }),
    JSON.stringify({ ...document, public: "not base64!" }),
    JSON.stringify({ ...document, public: "bm8ga2V5" }),
    JSON.stringify({ ...document, endorsement_key_sha256: "short" }),
    JSON.stringify({ ...document, extra: true }),
    " ".repeat(70_000) + whole,
  ];
  for (const text of damages) {
    await writeFile(path, text);
    await assert.rejects(
      readAttestationKey(path),
      (error) => isFault(error, "environment") && /rm .*enroll/.test(error.hint ?? ""),
    );
  }
});

test("says which file cannot be read or written", async () => {
  const occupied = join(dir, "file");
  await writeFile(occupied, "");
  const path = join(occupied, "key.json");
  await assert.rejects(readAttestationKey(dir), (error) => isFault(error, "environment"));
  await assert.rejects(writeAttestationKey(path, key), (error) => isFault(error, "environment"));
});
