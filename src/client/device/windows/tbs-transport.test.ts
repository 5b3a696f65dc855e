/** The transport on a double of tbs.dll in TypeScript; that the calls reach a real DLL is shown by `npm run test:windows`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { isMissingEventLog } from "../event-log-file.ts";
import type { TbsLibrary } from "./libraries.ts";
import { openTbsTransport, readTbsEventLog } from "./tbs-transport.ts";

const command = Uint8Array.of(0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0x7b);
const answer = Uint8Array.of(0x80, 1, 0, 0, 0, 12, 0, 0, 0, 0, 0xaa, 0xbb);

/** A double that answers everything, and counts the contexts that are open. */
function double(changes: Partial<TbsLibrary> = {}) {
  const seen = { open: 0, commands: [] as Uint8Array[] };
  const library: TbsLibrary = {
    getDeviceInfo: () => ({ result: 0, version: 2 }),
    createContext() {
      seen.open++;
      return { result: 0, context: seen };
    },
    async submit(context, bytes, into) {
      assert.equal(context, seen);
      seen.commands.push(bytes.slice());
      into.set(answer);
      return { result: 0, length: answer.length };
    },
    closeContext() {
      seen.open--;
      return 0;
    },
    getEndorsementAuth(context, into) {
      assert.equal(context, seen);
      into.fill(9, 0, 20);
      return { result: 0, length: 20 };
    },
    getLog(_, into) {
      into?.fill(7);
      return { result: 0, length: 300 };
    },
    ...changes,
  };
  return { seen, load: async () => library };
}

test("carries a command and its answer, and closes the context once", async () => {
  const { seen, load } = double();
  const transport = await openTbsTransport(load);
  assert.deepEqual(await transport.transmit(command), answer);
  assert.deepEqual(seen, { open: 1, commands: [command] });
  await transport.close();
  await transport.close();
  assert.equal(seen.open, 0);
  await assert.rejects(transport.transmit(command), (error) => isFault(error, "environment"));
});

test("an answer that claims to be longer than its room is no answer", async () => {
  const submit = async () => ({ result: 0, length: 5000 });
  const transport = await openTbsTransport(double({ submit }).load);
  await assert.rejects(transport.transmit(command), (error) => isFault(error, "environment"));
});

test("a TPM 1.2 is told as such, and no context is opened for it", async () => {
  const { seen, load } = double({ getDeviceInfo: () => ({ result: 0, version: 1 }) });
  await assert.rejects(openTbsTransport(load), /no TPM 2\.0/);
  assert.equal(seen.open, 0);
});

/** Result, where it comes from, what is said, what helps. */
const causes = [
  [0x8028400f, "getDeviceInfo", /has no TPM 2\.0/, /tpm\.msc/],
  [0x80284008, "createContext", /not running/, /Start-Service TBS/],
  [0x80284010, "createContext", /disabled/, /Set-Service TBS/],
  [0x8028400b, "createContext", /still starting/, /in a minute/],
  [0x80284012, "createContext", /you may not use/, /as administrator/],
  [0x80284016, "createContext", /not finished/, /Initialize-Tpm/],
  [0x80284007, "createContext", /does not know TPM 2\.0/, /Windows 10/],
  [0x80284009, "createContext", /too many programs/, /close programs/],
  [0x8028400a, "submit", /too many keys/, /close programs/],
  [0x80284006, "submit", /could not talk to the TPM/, /restart/],
  [0x8028400d, "submit", /cancelled/, /try again/],
  [0x80280400, "submit", /does not let this account/, /as administrator/],
  // koffi gives unsigned numbers, others would give this.
  [0x80284012 | 0, "submit", /you may not use/, /as administrator/],
  [0x80284001, "submit", /answered 0x80284001/, /restart/],
] as const;

for (const [result, where, message, hint] of causes) {
  test(`result 0x${(result >>> 0).toString(16)} (${result}) of ${where} is told with its fix`, async () => {
    const failing = {
      getDeviceInfo: { getDeviceInfo: () => ({ result, version: 0 }) },
      createContext: { createContext: () => ({ result, context: null }) },
      submit: { submit: async () => ({ result, length: 0 }) },
    }[where];
    const attempt = openTbsTransport(double(failing).load).then((opened) =>
      opened.transmit(command),
    );
    await assert.rejects(attempt, (error) => {
      assert.ok(isFault(error, "environment"));
      assert.match(error.message, message);
      assert.match(error.hint ?? "", hint);
      assert.equal(error.audit["tbs_result"], result >>> 0);
      return true;
    });
  });
}

test("reads the event log in two calls, and closes its context", async () => {
  const { seen, load } = double();
  const log = await readTbsEventLog(load);
  assert.deepEqual(log, new Uint8Array(300).fill(7));
  assert.equal(seen.open, 0);
});

test("a machine without an event log has none; a log that no server takes is refused before it is read", async () => {
  const without = double({ getLog: () => ({ result: 0x80284011, length: 0 }) });
  await assert.rejects(readTbsEventLog(without.load), isMissingEventLog);
  assert.equal(without.seen.open, 0);
  let reads = 0;
  const huge = double({
    getLog(_, into) {
      if (into !== undefined) reads++;
      return { result: 0, length: 0xffffffff };
    },
  });
  await assert.rejects(readTbsEventLog(huge.load), (error) => isFault(error, "too-large"));
  assert.deepEqual([reads, huge.seen.open], [0, 0]);
});

test("tells the password that Windows gave the endorsement hierarchy; none where Windows keeps none", async () => {
  const { load } = double();
  const opened = await openTbsTransport(load);
  assert.deepEqual(await opened.endorsementPassword?.(), new Uint8Array(20).fill(9));
  const none = double({ getEndorsementAuth: () => ({ result: 0x80284015, length: 0 }) });
  assert.equal(await (await openTbsTransport(none.load)).endorsementPassword?.(), undefined);
});

for (const [result, message, hint] of [
  [0x80284012, /to administrators only/, /as administrator/],
  [0x80070005, /to administrators only/, /as administrator/],
  [0x80284008, /not running/, /Start-Service TBS/],
] as const) {
  test(`a password that Windows does not tell, with 0x${result.toString(16)}, says what helps`, async () => {
    const { load } = double({ getEndorsementAuth: () => ({ result, length: 0 }) });
    const opened = await openTbsTransport(load);
    await assert.rejects(
      async () => opened.endorsementPassword?.(),
      (error) => {
        assert.ok(isFault(error, "environment"));
        assert.match(error.message, message);
        assert.match(error.hint ?? "", hint);
        return true;
      },
    );
  });
}

test("a password that claims to be longer than its room is none", async () => {
  const { load } = double({ getEndorsementAuth: () => ({ result: 0, length: 65 }) });
  const opened = await openTbsTransport(load);
  await assert.rejects(async () => opened.endorsementPassword?.(), /connection to the TPM broke/);
});
