import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isFault } from "#base/fault.ts";
import { formatDmi, parseDmi, readProtectedDmi, sudoReader } from "./protected-dmi.ts";

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "gatehouse-dmi-"));
});
after(() => rm(dir, { recursive: true, force: true }));

const values = {
  productName: "21J50013US",
  productSerial: "PF47WND6",
  boardSerial: "L1HF2CM03ZT",
  chassisAssetTag: "",
};

test("reads back what it printed and refuses anything else", () => {
  assert.deepEqual(parseDmi(formatDmi(values)), values);
  const tooLong = formatDmi({ ...values, boardSerial: "x".repeat(257) });
  for (const json of ["", "null", "{}", "[]", tooLong, formatDmi(values).slice(1)]) {
    assert.throws(
      () => parseDmi(json),
      (error) => isFault(error, "malformed"),
      json,
    );
  }
});

test("asks root once and keeps the answer for the person only", async () => {
  const cacheFile = join(dir, "state", "dmi.json");
  let asked = 0;
  const readAsRoot = async () => {
    asked += 1;
    return formatDmi(values);
  };
  assert.deepEqual(await readProtectedDmi({ cacheFile, readAsRoot }), values);
  assert.deepEqual(await readProtectedDmi({ cacheFile, readAsRoot }), values);
  assert.deepEqual(await readProtectedDmi({ cacheFile }), values);
  assert.equal(asked, 1);
  assert.equal((await stat(cacheFile)).mode & 0o777, 0o600);
});

test("does without where nothing is kept and root may not be asked", async () => {
  assert.equal(await readProtectedDmi({ cacheFile: join(dir, "none") }), undefined);
});

test("asks again when what it kept is damaged, and works where nothing can be kept", async () => {
  const cacheFile = join(dir, "damaged.json");
  await writeFile(cacheFile, "{");
  const readAsRoot = async () => formatDmi(values);
  assert.deepEqual(await readProtectedDmi({ cacheFile, readAsRoot }), values);
  assert.equal(await readFile(cacheFile, "utf8"), formatDmi(values));
  const impossible = join(cacheFile, "below", "a-file");
  assert.deepEqual(await readProtectedDmi({ cacheFile: impossible, readAsRoot }), values);
});

test("runs the command under sudo, after asking for the password where that is wanted", async () => {
  const log = join(dir, "log");
  const sudo = join(dir, "simulated-sudo");
  const script = `#!/bin/sh\nprintf '%s\\n' "$*" >> '${log}'\n[ "$1" = -v ] || echo answer\n`;
  await writeFile(sudo, script, { mode: 0o755 });
  assert.equal(await sudoReader(["tsh", "device", "dmi-read"], { ask: true, sudo })(), "answer\n");
  assert.equal(await sudoReader(["tsh"], { ask: false, sudo })(), "answer\n");
  assert.equal(await readFile(log, "utf8"), "-v\n-n tsh device dmi-read\n-n tsh\n");
});

test("says what sudo would have to allow", async () => {
  const refusing = join(dir, "refusing-sudo");
  await writeFile(refusing, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  for (const [sudo, ask] of [
    [refusing, true],
    [refusing, false],
    [join(dir, "no-sudo"), true],
  ] as const) {
    await assert.rejects(
      sudoReader(["tsh", "device", "dmi-read"], { ask, sudo })(),
      (error) => isFault(error, "environment") && /sudo tsh device dmi-read/.test(error.hint ?? ""),
    );
  }
});
