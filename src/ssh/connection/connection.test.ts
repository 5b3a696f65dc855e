import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault, isFault } from "#base/fault.ts";
import { type Channel, stderrType } from "#ssh/connection/channel.ts";
import { Connection, type ConnectionHandler } from "#ssh/connection/connection.ts";
import type { MessageSender } from "#ssh/connection/message-transport.ts";
import { crowdedWindow, initialWindow, maxPacket, SendWindow } from "#ssh/connection/window.ts";
import * as m from "#ssh/messages/connection.ts";

/** A connection whose peer is the test. */
class Bench implements MessageSender {
  writable = true;
  readonly sent: Uint8Array[] = [];
  readonly failures: unknown[] = [];
  readonly connection: Connection;

  constructor(handler: Partial<ConnectionHandler> = {}) {
    this.connection = new Connection(this, {
      open: (channel) => void channel.accept(),
      globalRequest: () => false,
      ...handler,
    });
  }

  send(payload: Uint8Array): void {
    this.sent.push(payload);
  }

  sendData(head: Uint8Array, data: Uint8Array): void {
    this.sent.push(Buffer.concat([head, data]));
  }

  sendUnimplemented(): void {
    this.sent.push(Uint8Array.of(3));
  }

  fail(error: unknown): void {
    this.failures.push(error);
  }

  receive(payload: Uint8Array): void {
    this.connection.receive(payload[0] ?? 0, payload);
  }

  /** The numbers of the messages sent so far. */
  get numbers(): number[] {
    return this.sent.map((payload) => payload[0] ?? 0);
  }

  /** Opens a channel that the test, as the peer, confirms. */
  async open(window = initialWindow, packet = maxPacket): Promise<Channel> {
    const opening = this.connection.open("session", new Uint8Array(0), (channel) => channel);
    const { sender } = m.channelOpen.decode(this.sent.pop() ?? new Uint8Array(0));
    this.receive(
      m.channelOpenConfirmation.encode({
        ...{ recipient: sender, sender: 7, window, maxPacket: packet, payload: new Uint8Array(0) },
      }),
    );
    return await opening;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const data = (recipient: number, length: number): Uint8Array =>
  m.channelData.encode({ recipient, data: new Uint8Array(length) });
const openRequest = (type: string): Uint8Array =>
  m.channelOpen.encode({
    ...{ type, sender: 5, window: 1000, maxPacket, payload: new Uint8Array(0) },
  });

function assertFatal(bench: Bench, payload: Uint8Array): void {
  assert.throws(
    () => bench.receive(payload),
    (error) => isFault(error, "malformed"),
  );
}

test("a peer that sends more than its window is cut off", async () => {
  const bench = new Bench();
  const channel = await bench.open();
  channel.pause();
  for (let sent = 0; sent < initialWindow; sent += maxPacket) {
    bench.receive(data(channel.id, maxPacket));
  }
  assertFatal(bench, data(channel.id, 1));
});

test("standard error counts towards the same window", async () => {
  const bench = new Bench();
  const channel = await bench.open();
  const extended = m.channelExtendedData.encode({
    ...{ recipient: channel.id, type: stderrType, data: new Uint8Array(maxPacket) },
  });
  for (let sent = 0; sent < initialWindow; sent += maxPacket) bench.receive(extended);
  assertFatal(bench, data(channel.id, 1));
});

test("the window opens only as the reader consumes", async () => {
  const bench = new Bench();
  const channel = await bench.open();
  for (let sent = 0; sent < initialWindow; sent += maxPacket) {
    bench.receive(data(channel.id, maxPacket));
  }
  await turn();
  assert.deepEqual(bench.numbers, []);
  let granted = 0;
  channel.resume();
  await turn();
  for (const payload of bench.sent) granted += m.channelWindowAdjust.decode(payload).bytes;
  assert.ok(granted > initialWindow / 2, String(granted));
  assert.ok(bench.sent.length <= 4, "adjustments are rare");
});

test("extended data that nobody knows is dropped and does not close the window", async () => {
  const bench = new Bench();
  const channel = await bench.open();
  const unknown = m.channelExtendedData.encode({
    ...{ recipient: channel.id, type: 2, data: new Uint8Array(maxPacket) },
  });
  for (let sent = 0; sent < 2 * initialWindow; sent += maxPacket) bench.receive(unknown);
  assert.equal(channel.readableLength + channel.stderr.readableLength, 0);
});

test("data in a message beyond the agreed size is fatal", async () => {
  const bench = new Bench();
  const channel = await bench.open();
  assertFatal(bench, data(channel.id, maxPacket + 1));
});

test("we send no more than the peer's window and packet size allow", async () => {
  const bench = new Bench();
  const channel = await bench.open(1000, 300);
  channel.write(new Uint8Array(2000));
  const lengths = () => bench.sent.map((payload) => m.channelData.decode(payload).data.length);
  assert.deepEqual(lengths(), [300, 300, 300, 100]);
  bench.receive(m.channelWindowAdjust.encode({ recipient: channel.id, bytes: 350 }));
  assert.deepEqual(lengths(), [300, 300, 300, 100, 300, 50]);
});

test("a peer's window of 4 GiB is held exactly, and one byte more is fatal", async () => {
  const window = new SendWindow(0xffff_ffff, 0xffff_ffff);
  assert.equal(window.take(2 ** 40), maxPacket);
  window.add(maxPacket);
  assert.throws(
    () => window.add(1),
    (error) => isFault(error, "malformed"),
  );
  const bench = new Bench();
  const channel = await bench.open(0xffff_ffff);
  channel.write(new Uint8Array(10));
  assert.equal(bench.sent.length, 1);
  assertFatal(bench, m.channelWindowAdjust.encode({ recipient: channel.id, bytes: 0xffff_ffff }));
});

test("nothing is written while the transport is busy, and all channels get their turn after", async () => {
  const bench = new Bench();
  const [first, second] = [await bench.open(), await bench.open()];
  bench.writable = false;
  first.write(new Uint8Array(maxPacket * 2));
  second.write(new Uint8Array(maxPacket * 2));
  assert.deepEqual(bench.numbers, []);
  const recipients: number[] = [];
  bench.sendData = (head) => {
    recipients.push(m.channelDataHead.decode(head).recipient);
    bench.writable = false;
  };
  const peers = new Map([
    [first, 1],
    [second, 2],
  ]);
  for (const [channel, peer] of peers) channel.opened(peer, initialWindow, maxPacket);
  for (let i = 0; i < 4; i++) {
    bench.writable = true;
    bench.connection.flush();
  }
  assert.deepEqual(recipients, [1, 2, 1, 2]);
});

test("end sends EOF, and close after the peer's close frees the channel", async () => {
  const bench = new Bench();
  const channel = await bench.open();
  channel.end("bye");
  await turn();
  assert.deepEqual(bench.numbers, [m.channelData.number, m.channelEof.number]);
  bench.receive(m.channelClose.encode({ recipient: channel.id }));
  await channel.whenClosed;
  assert.deepEqual(bench.numbers.slice(2), [m.channelClose.number]);
  assertFatal(bench, data(channel.id, 1));
});

test("what the peer sent before it closed can still be read", async () => {
  const bench = new Bench();
  const channel = await bench.open();
  bench.receive(m.channelData.encode({ recipient: channel.id, data: Buffer.from("last") }));
  bench.receive(m.channelEof.encode({ recipient: channel.id }));
  bench.receive(m.channelClose.encode({ recipient: channel.id }));
  await channel.whenClosed;
  let text = "";
  for await (const chunk of channel) text += chunk;
  assert.equal(text, "last");
});

test("standard error that was written goes before EOF", async () => {
  const bench = new Bench();
  const channel = await bench.open(3);
  channel.stderr.write("errors");
  channel.close();
  await turn();
  assert.deepEqual(bench.numbers, [m.channelExtendedData.number]);
  bench.receive(m.channelWindowAdjust.encode({ recipient: channel.id, bytes: 100 }));
  await turn();
  assert.deepEqual(bench.numbers.slice(1), [
    m.channelExtendedData.number,
    m.channelEof.number,
    m.channelClose.number,
  ]);
});

test("writes to a channel that the peer has closed are dropped without an error", async () => {
  const bench = new Bench();
  const channel = await bench.open(0);
  const written = new Promise<void>((resolve) => channel.write("lost", () => resolve()));
  bench.receive(m.channelClose.encode({ recipient: channel.id }));
  await written;
  channel.on("error", assert.fail);
  channel.write("more");
  await turn();
  assert.deepEqual(bench.numbers, [m.channelClose.number]);
});

const fatal: Record<string, (id: number) => Uint8Array> = {
  "data for a channel that is not open": () => data(99, 1),
  "a window for a channel that is not open": () =>
    m.channelWindowAdjust.encode({ recipient: 99, bytes: 1 }),
  "a close of a channel that is not open": () => m.channelClose.encode({ recipient: 99 }),
  "an answer that nobody waits for": (recipient) => m.channelSuccess.encode({ recipient }),
  "a global answer that nobody waits for": () => m.requestFailure.encode({}),
  "a confirmation of a channel that is open": (recipient) =>
    m.channelOpenConfirmation.encode({
      ...{ recipient, sender: 1, window: 1, maxPacket: 1, payload: new Uint8Array(0) },
    }),
  "a refusal of a channel that was not asked for": () =>
    m.channelOpenFailure.encode({ recipient: 99, reason: 1, description: "", language: "" }),
};

for (const [what, payload] of Object.entries(fatal)) {
  test(`${what} is fatal`, async () => {
    const bench = new Bench();
    const channel = await bench.open();
    assertFatal(bench, payload(channel.id));
  });
}

test("data after EOF is fatal", async () => {
  const bench = new Bench();
  const channel = await bench.open();
  bench.receive(m.channelEof.encode({ recipient: channel.id }));
  assertFatal(bench, data(channel.id, 1));
});

test("an unknown message is answered with UNIMPLEMENTED", () => {
  const bench = new Bench();
  bench.receive(Uint8Array.of(200));
  assert.deepEqual(bench.numbers, [3]);
});

const refusals: readonly (readonly [error: unknown, reason: number, text: string])[] = [
  [new Fault("access-denied", "role forbids it"), 1, "role forbids it"],
  [new Fault("device-required", "no device"), 1, "no device"],
  [new Fault("unavailable", "connection refused"), 2, "connection refused"],
  [new Fault("unimplemented", "unknown channel type"), 3, "unknown channel type"],
  [new Fault("limit", "too many"), 4, "too many"],
  [new TypeError("secret detail"), 2, "internal error"],
];

for (const [error, reason, description] of refusals) {
  test(`refuses a channel with reason ${reason}: ${description}`, async () => {
    const bench = new Bench({ open: () => Promise.reject(error) });
    bench.receive(openRequest("session"));
    await turn();
    const sent = m.channelOpenFailure.decode(bench.sent[0] ?? new Uint8Array(0));
    assert.deepEqual([sent.recipient, sent.reason, sent.description], [5, reason, description]);
  });
}

test("refuses a channel that no handler accepts as an unknown type", async () => {
  const bench = new Bench({ open: () => {} });
  bench.receive(openRequest("constructor"));
  await turn();
  assert.equal(m.channelOpenFailure.decode(bench.sent[0] ?? new Uint8Array(0)).reason, 3);
});

test("refuses the channel after a thousand", async () => {
  const bench = new Bench();
  for (let i = 0; i < 1025; i++) bench.receive(openRequest("session"));
  await turn();
  assert.equal(bench.numbers.filter((n) => n === m.channelOpenConfirmation.number).length, 1024);
  const [refusal] = bench.sent.filter(([n]) => n === m.channelOpenFailure.number);
  assert.equal(m.channelOpenFailure.decode(refusal ?? new Uint8Array(0)).reason, 4);
});

test("a peer with many channels gets smaller windows", () => {
  const bench = new Bench();
  for (let i = 0; i < 33; i++) bench.receive(openRequest("session"));
  const windows = bench.sent.map((payload) => m.channelOpenConfirmation.decode(payload).window);
  assert.deepEqual([windows[31], windows[32]], [initialWindow, crowdedWindow]);
});

test("a refusal of the peer is one line without control characters, and so is each line of its hint", async () => {
  const bench = new Bench();
  const opening = bench.connection.open("x", new Uint8Array(0), (channel) => channel);
  const description = "no\x1b[31m way\r\n‮now";
  bench.receive(
    m.channelOpenFailure.encode({ recipient: 0, reason: 1, description, language: "" }),
  );
  await assert.rejects(opening, {
    code: "access-denied",
    message: "administratively prohibited (no [31m way)",
    hint: "now",
  });
});

const channelRequest = (recipient: number, name: string, wantReply = true): Uint8Array =>
  m.channelRequest.encode({ recipient, name, wantReply, payload: new Uint8Array(0) });

test("answers channel requests in order, and unknown ones with failure", async () => {
  const bench = new Bench();
  const channel = await bench.open();
  bench.receive(channelRequest(channel.id, "before there is a handler"));
  await turn();
  channel.onRequest = async ({ name }) => {
    if (name === "slow") await turn();
    if (name === "fault") throw new Fault("access-denied", "no");
    return name !== "unknown";
  };
  for (const name of ["slow", "fast", "unknown", "fault", "fast"]) {
    bench.receive(channelRequest(channel.id, name));
  }
  bench.receive(channelRequest(channel.id, "fast", false));
  await turn();
  await turn();
  const [yes, no] = [m.channelSuccess.number, m.channelFailure.number];
  assert.deepEqual(bench.numbers, [no, yes, yes, no, no, yes]);
});

test("a request that cannot be read is failure, one that breaks the handler ends the connection", async () => {
  const bench = new Bench();
  const channel = await bench.open();
  channel.onRequest = ({ payload }) => {
    m.execRequest.decode(payload);
    return true;
  };
  bench.receive(channelRequest(channel.id, "exec"));
  await turn();
  assert.deepEqual(bench.numbers, [m.channelFailure.number]);
  channel.onRequest = () => {
    throw new TypeError("a bug");
  };
  bench.receive(channelRequest(channel.id, "exec"));
  await turn();
  assert.equal(bench.failures.length, 1);
});

test("a flood of requests ends the connection", async () => {
  const bench = new Bench();
  const channel = await bench.open();
  channel.onRequest = () => new Promise(() => {});
  for (let i = 0; i < 257; i++) bench.receive(channelRequest(channel.id, "env"));
  assert.ok(isFault(bench.failures[0], "limit"));
});

test("answers global requests in order", async () => {
  const bench = new Bench({
    globalRequest: async ({ name }) => {
      if (name === "slow") await turn();
      return name === "no" ? false : Buffer.from(name);
    },
  });
  for (const name of ["slow", "no", "fast"]) {
    bench.receive(m.globalRequest.encode({ name, wantReply: true, payload: new Uint8Array(0) }));
  }
  await turn();
  await turn();
  assert.deepEqual(bench.numbers, [81, 82, 81]);
});

test("the end of the connection ends everything that waits for it", async () => {
  const bench = new Bench();
  const channel = await bench.open();
  const opening = bench.connection.open("session", new Uint8Array(0), (channel) => channel);
  const asked = channel.request("shell", new Uint8Array(0));
  const global = bench.connection.globalRequest("x", new Uint8Array(0));
  const fault = new Fault("unavailable", "gone");
  bench.connection.close(fault);
  await assert.rejects(opening, fault);
  assert.equal(await asked, false);
  assert.equal(await global, undefined);
  await channel.whenClosed;
  assert.ok(channel.destroyed);
  await assert.rejects(
    bench.connection.open("session", new Uint8Array(0), (channel) => channel),
    fault,
  );
});

const bytes = (recipient: number, text: string): Uint8Array =>
  m.channelData.encode({ recipient, data: Buffer.from(text) });

test("a consumer gets what came before it asked, and then every chunk, in order", async () => {
  const bench = new Bench();
  const channel = await bench.open();
  bench.receive(bytes(channel.id, "one "));
  bench.receive(bytes(channel.id, "two "));
  let seen = "";
  channel.consume((chunk, free) => {
    seen += Buffer.from(chunk).toString();
    free();
  });
  bench.receive(bytes(channel.id, "three "));
  bench.receive(bytes(channel.id, "four"));
  assert.equal(seen, "one two three four");
  const ended = new Promise((resolve) => channel.once("end", resolve));
  bench.receive(m.channelEof.encode({ recipient: channel.id }));
  await ended;
});

test("a consumer that frees nothing is sent no more than the window, and freeing grants it again", async () => {
  const bench = new Bench();
  const channel = await bench.open();
  const kept: (() => void)[] = [];
  channel.consume((_chunk, free) => kept.push(free));
  for (let i = 0; i < initialWindow / maxPacket; i++) bench.receive(data(channel.id, maxPacket));
  await turn();
  assert.deepEqual(bench.numbers, []);
  assertFatal(bench, data(channel.id, 1));
  for (const free of kept) free();
  assert.deepEqual([...new Set(bench.numbers)], [m.channelWindowAdjust.number]);
  const granted = bench.sent.map((sent) => m.channelWindowAdjust.decode(sent).bytes);
  assert.equal(
    granted.reduce((sum, grant) => sum + grant, 0),
    initialWindow,
  );
});

test("a chunk that is freed twice counts once", async () => {
  const bench = new Bench();
  const channel = await bench.open();
  let grants = 0;
  channel.consume((chunk, free) => {
    free();
    assert.equal(chunk.length, 0, "the memory is gone");
    free();
  });
  for (let i = 0; i < initialWindow / maxPacket; i++) bench.receive(data(channel.id, maxPacket));
  for (const sent of bench.sent) grants += m.channelWindowAdjust.decode(sent).bytes;
  assert.equal(grants, initialWindow);
});
