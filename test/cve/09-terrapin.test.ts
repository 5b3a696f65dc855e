/**
 * CVE-2023-48795 (Terrapin): packets that are slipped in before the keys are in use, so that the first encrypted ones
 * can be cut off unseen. Class 9 of docs/bug-classes.md, against the node's own door.
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { concat } from "#base/bytes.ts";
import { systemRandom } from "#base/random.ts";
import {
  debug,
  disconnect,
  ignore,
  kexClient,
  kexInit,
  kexServer,
  unimplemented,
} from "#ssh/messages/transport.ts";
import { createKexInit } from "#ssh/transport/negotiation.ts";
import type { NodeCluster } from "../support/node-cluster.ts";
import { startOpenNode } from "./ssh-node.ts";

let cluster: NodeCluster;

before(async () => {
  cluster = await startOpenNode();
});

after(() => cluster.close());

const offer = {
  keyExchange: ["curve25519-sha256"],
  hostKey: ["ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"],
  cipher: ["aes256-gcm@openssh.com"],
};
const strict = "kex-strict-c-v00@openssh.com";
const init = (...markers: string[]) =>
  kexInit.encode(createKexInit(offer, markers, systemRandom)).slice();
const slipped: readonly (readonly [string, Uint8Array])[] = [
  ["IGNORE", ignore.encode({ data: new Uint8Array(4) }).slice()],
  ["DEBUG", debug.encode({ alwaysDisplay: false, message: "x", language: "" }).slice()],
  ["UNIMPLEMENTED", unimplemented.encode({ sequenceNumber: 0 }).slice()],
];

const share = kexClient.encode({ share: new Uint8Array(32).fill(9) }).slice();

/** Sends packets in the clear; gives the number of the server's second message: 31 goes on, 1 hangs up. */
async function secondMessage(...payloads: Uint8Array[]): Promise<number | undefined> {
  const socket = connect({ port: cluster.port, host: "127.0.0.1" });
  socket.on("error", () => {});
  socket.write(concat(Buffer.from("SSH-2.0-x\r\n"), ...payloads.map(frame)));
  let received = Buffer.alloc(0);
  try {
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk as Buffer]);
      const numbers = numbersOf(received);
      if (numbers.length >= 2) return numbers[1];
    }
    return undefined;
  } finally {
    socket.destroy();
  }
}

/** The numbers of the messages behind the version line that have arrived so far. */
function numbersOf(bytes: Buffer): number[] {
  const numbers: number[] = [];
  let at = bytes.indexOf("\n") + 1;
  while (at > 0 && at + 6 <= bytes.length) {
    numbers.push(bytes[at + 5] ?? 0);
    at += 4 + bytes.readUInt32BE(at);
  }
  return numbers;
}

test("a strict key exchange without anything slipped in goes on", async () => {
  assert.equal(await secondMessage(init(strict), share), kexServer.number);
});

for (const [name, message] of slipped) {
  test(`${name} before KEXINIT ends a strict key exchange`, async () => {
    assert.equal(await secondMessage(message, init(strict), share), disconnect.number);
  });
  test(`${name} between KEXINIT and the new keys ends a strict key exchange`, async () => {
    assert.equal(await secondMessage(init(strict), message, share), disconnect.number);
  });
}

function frame(payload: Uint8Array): Uint8Array {
  const padding = 8 - ((5 + payload.length) % 8) + 8;
  const length = 1 + payload.length + padding;
  const head = Uint8Array.of(length >>> 24, length >>> 16, length >>> 8, length, padding);
  return concat(head, payload, new Uint8Array(padding));
}
