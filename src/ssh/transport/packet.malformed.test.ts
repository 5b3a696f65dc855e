import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { PacketAssembler, packetLimit } from "#ssh/transport/packet-assembler.ts";
import { createPacketCipher, type PacketCipher, tagLength } from "#ssh/transport/packet-cipher.ts";
import { assertVersion, VersionReader } from "#ssh/transport/version.ts";

function header(length: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(length);
  return bytes;
}

function seal(cipher: PacketCipher, packet: Uint8Array): Buffer {
  const sealed = Buffer.alloc(packet.length + tagLength);
  cipher.seal(packet, sealed);
  return sealed;
}

for (const length of [0, 1, 4, packetLimit + 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
  test(`refuses a packet of length ${length} from its header alone`, () => {
    assert.throws(
      () => new PacketAssembler().take(header(length), 0),
      (error) => isFault(error, "malformed"),
    );
  });
}

test("finds the same packets wherever the stream is cut", () => {
  const packets = fc.array(fc.uint8Array({ minLength: 5, maxLength: 40 }), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(
    fc.property(packets, fc.array(fc.nat(200), { maxLength: 20 }), (bodies, cuts) => {
      const stream = Buffer.concat(
        bodies.flatMap((body) => [header(body.length).subarray(0, 4), body, Buffer.alloc(16)]),
      );
      const assembler = new PacketAssembler();
      assembler.trailer = 16;
      const found: Uint8Array[] = [];
      const edges = [0, ...cuts.filter((cut) => cut < stream.length), stream.length].sort(
        (a, b) => a - b,
      );
      for (const [index, start] of edges.entries()) {
        const chunk = stream.subarray(start, edges[index + 1] ?? start);
        for (let at = 0; at < chunk.length; at += assembler.consumed) {
          const packet = assembler.take(chunk, at);
          if (packet !== undefined) found.push(Uint8Array.from(packet.subarray(4, -16)));
        }
      }
      assert.deepEqual(found, bodies);
    }),
  );
});

test("a sealed packet opens once, in order, and with no bit changed", () => {
  const make = () =>
    createPacketCipher("aes128-gcm@openssh.com", new Uint8Array(16), new Uint8Array(12));
  const packet = Buffer.concat([header(32).subarray(0, 4), Buffer.alloc(32, 7)]);
  const sealed = seal(make(), packet);
  assert.deepEqual(Buffer.from(make().open(sealed)), packet.subarray(4));
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 0x80;
    assert.throws(
      () => make().open(changed),
      (error) => isFault(error, "malformed"),
    );
  }
  const opener = make();
  opener.open(sealed);
  assert.throws(() => opener.open(sealed), "a packet that comes twice");
});

test("the nonce counts through a carry", () => {
  const nonce = Uint8Array.of(1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0xff, 0xff);
  const make = (start: Uint8Array) =>
    createPacketCipher("aes256-gcm@openssh.com", new Uint8Array(32), start);
  const packet = Buffer.concat([header(16).subarray(0, 4), Buffer.alloc(16)]);
  const sealer = make(nonce);
  seal(sealer, packet);
  const second = seal(sealer, packet);
  const next = Uint8Array.of(1, 2, 3, 4, 0, 0, 0, 0, 0, 1, 0, 0);
  assert.deepEqual(seal(make(next), packet), second);
});

const versions: Record<string, string> = {
  "another protocol": "GET / HTTP/1.1\r\n",
  "version 1": "SSH-1.5-old\r\n",
  "a line that never ends": `SSH-2.0-${"x".repeat(300)}`,
  "control characters": "SSH-2.0-a\x1b[2J\r\n",
  "bytes that are not ASCII": "SSH-2.0-ä\r\n",
};

for (const [what, line] of Object.entries(versions)) {
  test(`a server refuses ${what} in place of a version line`, () => {
    assert.throws(
      () => new VersionReader("server").read(utf8(line)),
      (error) => isFault(error, "malformed"),
    );
  });
}

test("a client skips lines before the version, and not for ever", () => {
  const reader = new VersionReader("client");
  assert.equal(reader.read(utf8("welcome\r\nto th")), undefined);
  const found = reader.read(utf8("is\nSSH-2.0-x\r\nrest"));
  assert.deepEqual(found, { version: "SSH-2.0-x", consumed: 14 });
  assert.throws(
    () => new VersionReader("client").read(utf8("line\n".repeat(2000))),
    (error) => isFault(error, "malformed"),
  );
});

test("lines before the version are counted in bytes, not in chunks", () => {
  const reader = new VersionReader("client");
  const lines = utf8(`${"x".repeat(5000)}\r\nSSH-2.0-x\r\n`);
  const found = [...lines].map((byte) => reader.read(Uint8Array.of(byte)));
  assert.equal(found.at(-1)?.version, "SSH-2.0-x");
});

test("the version is found wherever the line is cut", () => {
  const line = utf8("SSH-2.0-OpenSSH_9.2 comment\r\n");
  for (let cut = 0; cut < line.length; cut++) {
    const reader = new VersionReader("server");
    const early = reader.read(line.subarray(0, cut));
    assert.equal(early, undefined);
    assert.equal(reader.read(line.subarray(cut))?.version, "SSH-2.0-OpenSSH_9.2 comment");
  }
});

test("our own version line must be one", () => {
  assertVersion("SSH-2.0-Gatehouse_1.0");
  for (const line of ["SSH-2.0-", "SSH-2.0-a-b", "SSH-2.0-a\r\n", "Gatehouse"]) {
    assert.throws(
      () => assertVersion(line),
      (error) => isFault(error, "invalid"),
    );
  }
});
