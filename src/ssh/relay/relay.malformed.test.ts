import assert from "node:assert/strict";
import { type Duplex, duplexPair } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import { type Fault, isFault } from "#base/fault.ts";
import { ClientConnection } from "#ssh/client.ts";
import { relayMessages } from "#ssh/relay/relay.ts";
import { RelayedTransport } from "#ssh/relay/relayed-transport.ts";
import { join } from "../../../test/support/ssh-pair.ts";

function frame(...bytes: readonly number[]): Buffer {
  const framed = Buffer.alloc(4 + bytes.length);
  framed.writeUInt32BE(bytes.length);
  framed.set(bytes, 4);
  return framed;
}

function ending(value: unknown): Buffer {
  return frame(0, ...Buffer.from(typeof value === "string" ? value : JSON.stringify(value)));
}

/** A connection whose far end is the test. */
function connectionTo(send: (far: Duplex) => void): Promise<Fault> {
  const [near, far] = duplexPair();
  const connection = new ClientConnection(new RelayedTransport(near));
  far.resume();
  send(far);
  return connection.closed;
}

/** A relay of a real connection whose caller is the test. */
async function relayFrom(send: (caller: Duplex) => void) {
  const { server, transport } = join();
  await transport.ready;
  const [near, far] = duplexPair();
  relayMessages(transport, near);
  far.resume();
  send(far);
  return server.closed;
}

for (const [what, bytes, code] of [
  ["an empty message", Buffer.alloc(4), "malformed"],
  ["a length without end", Buffer.from([0xff, 0xff, 0xff, 0xff]), "malformed"],
  ["a message that nobody knows", frame(79, 1, 2, 3), "malformed"],
  ["an end that is not JSON", ending("{"), "malformed"],
  ["an end without a reason", ending({}), "malformed"],
  [
    "an end with a code that every object has",
    ending({ code: "toString", message: "m" }),
    "malformed",
  ],
  ["an end with its reason", ending({ code: "locked", message: "m" }), "locked"],
] as const) {
  test(`the caller of a relay that gets ${what} learns that the connection is over`, async () => {
    const fault = await connectionTo((far) => far.write(bytes));
    assert.ok(isFault(fault, code), `${fault.code}: ${fault.message}`);
  });
}

for (const number of [1, 2, 4, 5, 20, 21, 30, 50, 60, 79, 83, 101, 192, 255]) {
  test(`a caller cannot send message ${number}, which is not of a connection, to the node`, async () => {
    const fault = await relayFrom((caller) => caller.write(frame(number, 0, 0, 0, 0)));
    assert.ok(isFault(fault, "unavailable"), fault.message);
    assert.match(fault.message, /not part of a connection/);
  });
}

test("whatever bytes a caller sends, its connection ends and nothing else does", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
      await relayFrom((caller) => caller.end(bytes));
      await connectionTo((far) => far.end(bytes));
    }),
    { numRuns: 50 },
  );
});

test("a caller that does not read holds the node back, and gets everything later", async () => {
  const total = 8 * 1_048_576;
  let written = 0;
  const { transport } = join({
    onSession: (session) => ({
      exec: () => {
        const fill = () => {
          while (written < total) {
            written += 65_536;
            if (!session.channel.write(Buffer.alloc(65_536, 7))) {
              session.channel.once("drain", fill);
              return;
            }
          }
          session.channel.end();
        };
        fill();
        return true;
      },
    }),
  });
  await transport.ready;
  const [near, far] = duplexPair();
  relayMessages(transport, near);
  const connection = new ClientConnection(new RelayedTransport(far));
  const session = await connection.openSession();
  session.channel.stderr.resume();
  await session.exec("fill");
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(written < total, "nobody reads, so the node waits");
  let received = 0;
  for await (const chunk of session.channel) received += (chunk as Uint8Array).length;
  assert.equal(received, total);
  connection.close();
});
