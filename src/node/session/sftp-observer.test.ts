import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type FileOperation, SftpObserver } from "#node/session/sftp-observer.ts";
import { Writer } from "#ssh/wire.ts";

function packet(type: number, build: (writer: Writer) => Writer): Uint8Array {
  const body = build(new Writer().byte(type)).done();
  return new Writer().string(body).done();
}

const open = (id: number, path: string) =>
  packet(3, (w) => w.uint32(id).string(path).uint32(26).uint32(0));
const handle = (id: number) => packet(102, (w) => w.uint32(id).string("h"));
const status = (id: number, code: number, text: string) =>
  packet(101, (w) => w.uint32(id).uint32(code).string(text).string(""));

function observe(input: readonly Uint8Array[], output: readonly Uint8Array[]): FileOperation[] {
  const told: FileOperation[] = [];
  const observer = new SftpObserver((operation) => told.push(operation));
  for (const chunk of input) observer.input(chunk);
  for (const chunk of output) observer.output(chunk);
  return told;
}

test("tells an opened file when it is open", () => {
  assert.deepEqual(observe([open(7, "/srv/x")], [handle(7)]), [
    { action: 1, path: "/srv/x", flags: 26 },
  ]);
  assert.deepEqual(observe([open(7, "/srv/x")], []), []);
});

test("tells why an operation failed", () => {
  const [operation] = observe([open(7, "/x")], [status(7, 3, "Permission denied")]);
  assert.equal(operation?.error, "Permission denied");
});

test("tells attributes, names and both names of a renaming", () => {
  const input = [
    packet(9, (w) => w.uint32(1).string("/a").uint32(4).uint32(0o644)),
    packet(18, (w) => w.uint32(2).string("/a").string("/b")),
    packet(200, (w) => w.uint32(3).string("posix-rename@openssh.com").string("/c").string("/d")),
    packet(13, (w) => w.uint32(4).string("/b")),
  ];
  const output = [1, 2, 3, 4].map((id) => status(id, 0, ""));
  assert.deepEqual(observe(input, output), [
    { action: 7, path: "/a", flags: 4, attributes: { permissions: 0o644 } },
    { action: 16, path: "/a", targetPath: "/b" },
    { action: 16, path: "/c", targetPath: "/d" },
    { action: 11, path: "/b" },
  ]);
});

test("packets may be cut anywhere, and large ones pass by", () => {
  const data = packet(6, (w) => w.uint32(1).string("h").uint32(0).string("x".repeat(300_000)));
  const stream = Buffer.concat([data, open(9, "/y"), data]);
  const chunks = Array.from({ length: Math.ceil(stream.length / 777) }, (_, i) =>
    stream.subarray(i * 777, i * 777 + 777),
  );
  assert.equal(observe(chunks, [handle(9)]).length, 1);
});

test("any bytes at all do not stop a transfer", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), fc.uint8Array(), (input, output) => {
      observe([open(1, "/x"), ...input], [output]);
    }),
  );
});

test("answers that never come do not fill the memory", () => {
  const told: FileOperation[] = [];
  const observer = new SftpObserver((operation) => told.push(operation));
  for (let id = 0; id < 5000; id++) observer.input(open(id, "/x"));
  observer.output(handle(4999));
  observer.output(handle(0));
  assert.equal(told.length, 1);
});

test("reads an answer whose pieces come in memory that is used again for each", () => {
  const told: FileOperation[] = [];
  const observer = new SftpObserver((operation) => told.push(operation));
  observer.input(open(7, "/srv/x"));
  const answer = status(7, 3, "Permission denied");
  const memory = new Uint8Array(4);
  for (let at = 0; at < answer.length; at += memory.length) {
    const piece = answer.subarray(at, at + memory.length);
    memory.set(piece);
    observer.output(memory.subarray(0, piece.length));
    memory.fill(0xff);
  }
  assert.equal(told[0]?.error, "Permission denied");
});
