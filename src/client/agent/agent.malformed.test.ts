import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { buffer } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { encodeFrame } from "#api/tunnel/frame.ts";
import { isFault } from "#base/fault.ts";
import { AgentAccess } from "#client/agent/client.ts";
import { parseAnswer, parseRequest } from "#client/agent/protocol.ts";
import { answerMessage } from "#client/agent/ssh-agent.ts";
import { decodePublicKey } from "#ssh/public-key.ts";
import { verifySignature } from "#ssh/signature.ts";
import { Reader, Writer } from "#ssh/wire.ts";
import {
  startTestAgent,
  testSshCertificate,
  userAuthData,
} from "../../../test/support/client/agent.ts";

async function start(context: TestContext) {
  const agent = await startTestAgent();
  context.after(() => agent.close());
  const token = readFileSync(agent.place.token, "utf8");
  /** Sends bytes and gives everything that comes back until the agent ends the connection. */
  const send = async (path: string, bytes: Uint8Array) => {
    const socket = connect(path);
    socket.on("error", () => {});
    socket.write(bytes);
    const answer = await buffer(socket).catch(() => Buffer.alloc(0));
    return answer;
  };
  return { ...agent, token, send };
}

function answerOf(bytes: Buffer): { ok?: boolean; code?: string } {
  return bytes.length < 4 ? {} : JSON.parse(bytes.subarray(4).toString());
}

for (const [name, request, code] of [
  ["without the token", { op: "device", host: "localhost" }, "malformed"],
  ["with a wrong token", { op: "device", host: "localhost", token: "x" }, "unproven"],
  ["with an empty token", { op: "device", host: "localhost", token: "" }, "unproven"],
  ["that is a list", [], "malformed"],
  ["that is null", null, "malformed"],
] as const) {
  test(`a request ${name} is refused and the agent goes on`, async (context) => {
    const { place, send, calls } = await start(context);
    assert.equal(answerOf(await send(place.socket, encodeFrame(request, 4))).code, code);
    assert.deepEqual(calls, []);
    assert.equal((await new AgentAccess(place, "localhost").device()).assetTag, "X1");
  });
}

test("a caller that does not ask for notices gets the answer alone", async (context) => {
  const { place, send, token } = await start(context);
  for (const notices of [undefined, false, "yes"]) {
    const request = { op: "refresh", host: "localhost", token, notices };
    const answer = await send(place.socket, encodeFrame(request, 4));
    assert.equal(answerOf(answer).ok, true);
    assert.equal(answer.readUInt32BE(0) + 4, answer.length);
  }
});

test("an oversized request is refused by its length, and random bytes do no harm", async (context) => {
  const { place, send } = await start(context);
  const huge = Buffer.from([0x7f, 0xff, 0xff, 0xff, 0x41]);
  assert.equal(answerOf(await send(place.socket, huge)).ok, false);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (bytes) => {
      const socket = connect(place.socket);
      socket.on("error", () => {});
      socket.end(bytes);
      await buffer(socket).catch(() => {});
    }),
    { numRuns: 30 },
  );
  assert.equal((await new AgentAccess(place, "localhost").device()).assetTag, "X1");
});

for (const [name, fields] of [
  ["an unknown operation", { op: "eval" }],
  ["an inherited operation", { op: "constructor" }],
  ["no host", { op: "dial", target: { host: "n", port: 0, login: "root" } }],
  ["a port that is text", { op: "dial", host: "h", target: { host: "n", port: "0", login: "r" } }],
  ["a port out of range", { op: "dial", host: "h", target: { host: "n", port: 7e9, login: "r" } }],
  ["a host without end", { op: "device", host: "x".repeat(1000) }],
  ["labels that are numbers", { op: "nodes", host: "h", query: { labels: { a: 1 } } }],
  ["a search that is text", { op: "nodes", host: "h", query: { labels: {}, search: "a" } }],
] as const) {
  test(`a request with ${name} is malformed`, () => {
    assert.throws(
      () => parseRequest({ token: "t", ...fields }),
      (error) => isFault(error, "malformed"),
    );
  });
}

test("an answer of another form, or with a code that does not exist, is still a fault", () => {
  for (const value of [null, [], {}, { ok: "yes" }, { ok: false }, { ok: false, code: 1 }]) {
    assert.throws(
      () => parseAnswer(value),
      (error) => isFault(error, "malformed"),
    );
  }
  for (const code of ["constructor", "toString", "__proto__", "new-code"]) {
    assert.throws(
      () => parseAnswer({ ok: false, code, message: "m" }),
      (error) => isFault(error, "internal"),
    );
  }
});

const failure = Uint8Array.of(5);

function keys() {
  const credential = testSshCertificate();
  return {
    ...credential,
    keys: {
      identities: async () => [
        {
          certificate: credential.certificate,
          publicKey: credential.signer.publicKey,
          comment: "alice@main",
        },
      ],
      sign: async (_blob: Uint8Array, data: Uint8Array, algorithm: string) =>
        credential.signer.sign(data, algorithm),
    },
  };
}

test("OpenSSH's agent protocol: identities are listed and a login is signed", async () => {
  const { certificate, signer, keys: work } = keys();
  const list = new Reader(await answerMessage(Uint8Array.of(11), work));
  assert.deepEqual([list.byte(), list.uint32()], [12, 2]);
  assert.deepEqual(Buffer.from(list.string()), Buffer.from(certificate));
  const data = userAuthData(certificate);
  // OpenSSH asks with the plain key when it read the certificate from a file.
  for (const blob of [certificate, signer.publicKey]) {
    const request = new Writer().byte(13).string(blob).string(data).uint32(0).done().slice();
    const answer = new Reader(await answerMessage(request, work));
    assert.equal(answer.byte(), 14);
    const key = decodePublicKey(signer.publicKey);
    assert.ok(verifySignature(key, "ssh-ed25519", data, answer.string()));
  }
});

test("a login with the plain key alone, or with another certificate of the key, is not signed", async () => {
  const { certificate, signer, keys: work } = keys();
  const other = testSshCertificate().certificate;
  for (const blob of [signer.publicKey, other]) {
    const request = new Writer().byte(13).string(certificate).string(userAuthData(blob)).uint32(0);
    assert.deepEqual(await answerMessage(request.done().slice(), work), failure);
  }
});

test("adding, removing, locking and extensions fail: the agent is read-only", async () => {
  const { keys: work } = keys();
  for (const type of [0, 1, 9, 17, 18, 19, 20, 21, 22, 23, 25, 26, 27, 255]) {
    assert.deepEqual(await answerMessage(Uint8Array.of(type), work), failure);
  }
});

test("every truncation and every byte of junk behind a sign request fails", async () => {
  const { certificate, keys: work } = keys();
  const data = userAuthData(certificate);
  const request = new Writer().byte(13).string(certificate).string(data).uint32(0).done().slice();
  for (let length = 0; length < request.length; length++) {
    assert.deepEqual(await answerMessage(request.subarray(0, length), work), failure);
  }
  const long = new Writer().bytes(request).byte(0).done().slice();
  assert.deepEqual(await answerMessage(long, work), failure);
});

test("SHA-1 is never signed with an RSA key", async () => {
  const { keys: work } = keys();
  const blob = new Writer().string("ssh-rsa").string("x").done().slice();
  const request = new Writer().byte(13).string(blob).string(userAuthData(blob)).uint32(0);
  assert.deepEqual(await answerMessage(request.done().slice(), work), failure);
});

test("messages in pieces and several at once are answered in order; an oversized one ends the connection", async (context) => {
  const { place, send } = await start(context);
  const socket = connect(place.sshSocket);
  const ask = new Writer().string(Uint8Array.of(11)).string(Uint8Array.of(99)).done().slice();
  for (const byte of ask) socket.write(Uint8Array.of(byte));
  socket.end();
  const reader = new Reader(new Uint8Array(await buffer(socket)));
  assert.equal(reader.string()[0], 12);
  assert.deepEqual(Buffer.from(reader.string()), Buffer.from(failure));
  reader.end();
  const huge = await send(place.sshSocket, Buffer.from([0x10, 0, 0, 0, 11]));
  assert.equal(huge.length, 0);
});
