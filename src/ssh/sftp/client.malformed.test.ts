/** Servers that answer wrongly, or with evil in mind. */
import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { openFlag, SftpClient } from "#ssh/sftp/client.ts";
import * as m from "#ssh/sftp/messages.ts";
import { Reader, Writer } from "#ssh/wire.ts";

type Answer = (id: number, request: Uint8Array) => Uint8Array;

/** A client whose server answers with `answers`, one per request. */
function clientOf(...answers: Answer[]): SftpClient {
  const [end, wire] = duplexPair();
  let buffered = Buffer.alloc(0);
  let started = false;
  wire.on("data", (chunk: Uint8Array) => {
    buffered = Buffer.concat([buffered, chunk]);
    while (buffered.length >= 4 && buffered.length >= 4 + buffered.readUInt32BE()) {
      const packet = buffered.subarray(4, 4 + buffered.readUInt32BE());
      buffered = buffered.subarray(4 + packet.length);
      if (started) respond(packet);
      else write(m.version.encode({ version: 3, extensions: new Uint8Array(0) }));
      started = true;
    }
  });
  function respond(packet: Uint8Array): void {
    const answer = answers.shift();
    if (answer === undefined) wire.end();
    else write(answer(new Reader(packet, 1).uint32(), packet));
  }
  function write(packet: Uint8Array): void {
    wire.write(new Writer().string(packet).done());
  }
  return new SftpClient(end);
}

const handle: Answer = (id) => m.handle.encode({ id, handle: new Uint8Array(4) });
const ok: Answer = (id) => m.status.encode({ id, code: 0, message: "", language: "" });
const eof: Answer = (id) => m.status.encode({ id, code: 1, message: "", language: "" });
const malformed = (error: unknown): boolean => isFault(error, "malformed");

test("refuses another version", async () => {
  const [end, wire] = duplexPair();
  wire.once("data", () => {
    const version = m.version.encode({ version: 2, extensions: new Uint8Array(0) });
    wire.write(new Writer().string(version).done());
  });
  await assert.rejects(new SftpClient(end).stat("x"), (error) => isFault(error, "unimplemented"));
});

for (const name of ["../../etc/passwd", "/etc/passwd", "a\0b", ""]) {
  test(`refuses a directory that lists ${JSON.stringify(name)}`, async () => {
    const entries = [{ name, longname: "", attributes: {} }];
    const client = clientOf(handle, (id) => m.names.encode({ id, entries }), eof, ok);
    await assert.rejects(client.readdir("dir"), malformed);
  });
}

test("leaves out the directory itself and its parent", async () => {
  const entries = [".", "..", "file"].map((name) => ({ name, longname: "", attributes: {} }));
  const client = clientOf(handle, (id) => m.names.encode({ id, entries }), eof, ok);
  assert.deepEqual(await client.readdir("dir"), [{ name: "file", attributes: {} }]);
});

const wrong: Record<string, Answer> = {
  "an answer to no request": (id) =>
    m.status.encode({ id: id + 1, code: 0, message: "", language: "" }),
  "an answer that is cut short": (id) => ok(id, new Uint8Array(0)).subarray(0, -1),
  "an answer of another kind": (id) => m.handle.encode({ id, handle: new Uint8Array(1) }),
  "success where attributes must be": ok,
};

for (const [what, answer] of Object.entries(wrong)) {
  test(`refuses ${what}`, async () => {
    await assert.rejects(clientOf(answer).stat("x"), malformed);
  });
}

for (const length of [0, 101]) {
  test(`refuses ${length} bytes in answer to a read of 100`, async () => {
    const client = clientOf(handle, (id) => m.data.encode({ id, data: new Uint8Array(length) }));
    const file = await client.open("x", openFlag.read);
    await assert.rejects(file.read(0n, 100), malformed);
  });
}

test("reads on after short answers, in order", async () => {
  const content = Buffer.from("0123456789".repeat(5000));
  const serve: Answer = (id, request) => {
    const { offset, length } = m.read.decode(request);
    const part = content.subarray(Number(offset), Number(offset) + Math.min(length, 9999));
    return part.length === 0 ? eof(id, request) : m.data.encode({ id, data: part });
  };
  const client = clientOf(handle, ...Array<Answer>(40).fill(serve));
  const file = await client.open("x", openFlag.read);
  const parts: Uint8Array[] = [];
  for await (const part of file.content()) parts.push(part);
  assert.deepEqual(Buffer.concat(parts), content);
});

test("a server that goes away ends what waits", async () => {
  const client = clientOf();
  await assert.rejects(client.stat("x"), (error) => isFault(error, "unavailable"));
  await assert.rejects(client.stat("y"), (error) => isFault(error, "unavailable"));
});

test("shows the server's words on one line", async () => {
  const client = clientOf((id) =>
    m.status.encode({ id, code: 4, message: "Disk\r\n\x1b[31mfull", language: "" }),
  );
  await assert.rejects(client.mkdir("dir"), {
    code: "environment",
    message: "cannot make the directory dir: disk [31mfull",
  });
});
