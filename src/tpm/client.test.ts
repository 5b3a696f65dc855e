import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { TpmClient, type TpmTransport } from "./client.ts";
import { startUp } from "./commands/capabilities.ts";
import { type Command, command } from "./commands/command.ts";
import { isTpmFault, responseCode, tpmFault } from "./response-code.ts";
import { TpmWriter } from "./wire.ts";

/** An answer without sessions. */
function answer(code: number, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  return new TpmWriter()
    .uint16(0x8001)
    .uint32(10 + body.length)
    .uint32(code)
    .raw(body)
    .done();
}

/** A transport that plays answers and records commands. */
function scripted(...answers: Uint8Array[]) {
  const sent: Uint8Array[] = [];
  const waited: number[] = [];
  const transport: TpmTransport = {
    async transmit(bytes) {
      sent.push(bytes);
      return answers.shift() ?? answer(0);
    },
    async close() {},
  };
  const client = new TpmClient(transport, async (ms) => void waited.push(ms));
  return { client, sent, waited };
}

const open: Command<number> = command({
  name: "open",
  code: 1,
  answersHandle: true,
  read: (_, handle) => handle,
});

const commandCode = (bytes: Uint8Array) => new DataView(bytes.buffer).getUint32(6);

test("encodes a command with its size, and none of an authorization where none is needed", async () => {
  const { client, sent } = scripted(answer(0));
  await client.run(startUp());
  assert.deepEqual(sent, [Uint8Array.of(0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0)]);
});

test("sends a command again while the TPM is busy, waiting longer each time", async () => {
  const busy = [0x922, 0x908, 0x90a].map((code) => answer(code));
  const { client, sent, waited } = scripted(...busy, answer(0));
  await client.run(startUp());
  assert.equal(sent.length, 4);
  assert.deepEqual(waited, [20, 40, 80]);
});

test("gives up on a TPM that stays busy and says so", async () => {
  const { client, sent } = scripted(...Array.from({ length: 20 }, () => answer(0x922)));
  await assert.rejects(client.run(startUp()), (error) => isTpmFault(error, 0x922));
  assert.equal(sent.length, 9);
});

test("runs one command at a time, in order, also after a failure", async () => {
  let running = 0;
  const order: number[] = [];
  const transport: TpmTransport = {
    async transmit(bytes) {
      assert.equal(running++, 0);
      await new Promise(setImmediate);
      running--;
      order.push(commandCode(bytes));
      return commandCode(bytes) === 2 ? answer(0x101) : answer(0);
    },
    async close() {},
  };
  const client = new TpmClient(transport, async () => {});
  const codes = [1, 2, 3].map((code) => command({ name: `${code}`, code, read() {} }));
  const results = await Promise.allSettled(codes.map((it) => client.run(it)));
  assert.deepEqual(order, [1, 2, 3]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
});

test("flushes a handle after use, whether the use fails or not", async () => {
  for (const fails of [false, true]) {
    const { client, sent } = scripted(answer(0, new TpmWriter().uint32(0x80000001).done()));
    const use = client.withHandle(open, async () => {
      if (fails) throw new TypeError("inside");
    });
    await (fails ? assert.rejects(use, TypeError) : use);
    assert.equal(commandCode(sent[1] ?? assert.fail()), 0x165);
    assert.deepEqual(sent[1]?.slice(10), Uint8Array.of(0x80, 0, 0, 1));
  }
});

test("does not fail when a session to flush has ended already", async () => {
  const handle = answer(0, new TpmWriter().uint32(0x03000000).done());
  const { client } = scripted(handle, answer(0x184));
  assert.equal(await client.withHandle(open, async () => "done"), "done");
});

test("refuses an answer that is cut short, has another size, or bytes left over", async () => {
  const whole = answer(0);
  for (const bytes of [
    whole.slice(0, 9),
    Uint8Array.from([...whole, 0]),
    answer(0, new Uint8Array(1)),
  ]) {
    const { client } = scripted(bytes);
    await assert.rejects(client.run(startUp()), (error) => isFault(error, "malformed"));
  }
});

test("refuses an NV index that is larger than any certificate", async () => {
  const area = new TpmWriter().raw(new Uint8Array(10)).uint16(0).uint16(0xffff).done();
  const { client } = scripted(answer(0, new TpmWriter().sized(area).uint16(0).done()));
  await assert.rejects(client.readNv(0x01c00002), (error) => isFault(error, "environment"));
});

test("names the response code whatever parameter, session or handle it is about", () => {
  const load = tpmFault("TPM2_Load", 0x1df);
  assert.equal(load.message, "the TPM answered INTEGRITY to TPM2_Load");
  assert.ok(isTpmFault(load, responseCode.integrity));
  assert.match(tpmFault("TPM2_Create", 0x98e).message, /AUTH_FAIL/);
  assert.match(tpmFault("TPM2_Create", 0x9a2).hint ?? "", /tpm2_changeauth/);
  assert.match(tpmFault("TPM2_Create", 0x921).hint ?? "", /locked/);
  assert.match(tpmFault("TPM2_Create", 0x7ff).message, /0x7ff/);
  assert.equal(isTpmFault(new TypeError("no fault")), false);
  assert.equal(isTpmFault(load, responseCode.handle), false);
});

/** A TPM that answers TPM2_PCR_Read for the SHA-256 bank with at most eight values; `counter` tells the update counter. */
function pcrBank(counter: (call: number) => number, size = 24) {
  let calls = 0;
  const transport: TpmTransport = {
    async transmit(bytes) {
      const mask = [bytes[17] ?? 0, bytes[18] ?? 0, bytes[19] ?? 0];
      const wanted = Array.from({ length: size }, (_, pcr) => pcr).filter(
        (pcr) => (mask[pcr >> 3] ?? 0) & (1 << (pcr & 7)),
      );
      const given = wanted.slice(0, 8);
      const bits = given.reduce((sum, pcr) => sum | (1 << pcr), 0);
      const updates = counter(calls++);
      const body = new TpmWriter().uint32(updates).uint32(1).uint16(0x0b).uint8(3);
      body.raw(Uint8Array.of(bits, bits >> 8, bits >> 16)).uint32(given.length);
      for (const pcr of given) body.sized(Uint8Array.of(pcr, updates));
      return answer(0, body.done());
    },
    async close() {},
  };
  return { client: new TpmClient(transport, async () => {}), calls: () => calls };
}

test("reads all PCRs of a bank, eight at a time", async () => {
  const { client, calls } = pcrBank(() => 1);
  const values = await client.readBank(0x0b);
  assert.deepEqual(
    values.map(({ index, digest }) => [index, digest[0]]),
    Array.from({ length: 24 }, (_, pcr) => [pcr, pcr]),
  );
  assert.equal(calls(), 3);
});

test("reads what a bank has when it lacks PCRs", async () => {
  assert.equal((await pcrBank(() => 1, 17).client.readBank(0x0b)).length, 17);
});

test("reads a bank again when a PCR changed in between, so that all values are of one moment", async () => {
  const { client } = pcrBank((call) => Math.min(call, 2));
  const values = await client.readBank(0x0b);
  assert.deepEqual(new Set(values.map(({ digest }) => digest[1])), new Set([2]));
});

test("gives up on PCRs that keep changing", async () => {
  await assert.rejects(pcrBank((call) => call).client.readBank(0x0b), /keep changing/);
});
