/**
 * GHSA-vv47-j2gq-5g6g, GHSA-hp22-gfvj-7m8r and their kin: a body, packet or frame without bound, or a small one that
 * costs much. Class 58 of docs/bug-classes.md, on the ways in that need no login, and on searches of ordinary users.
 */
import assert from "node:assert/strict";
import { duplexPair, PassThrough } from "node:stream";
import { test } from "node:test";
import { MessageReader } from "#api/grpc/message-reader.ts";
import { readOpening } from "#api/tunnel/opening.ts";
import { utf8 } from "#base/bytes.ts";
import { Fault, isFault } from "#base/fault.ts";
import { silentLogger } from "#base/log.ts";
import { compileResourceFilter } from "#expression/scopes.ts";
import { createWebApp } from "#proxy/web/app.ts";
import type { WebOptions } from "#proxy/web/context.ts";
import { parseDocuments } from "#resource/yaml/documents.ts";
import { ServerConnection } from "#ssh/server.ts";
import { PacketAssembler } from "#ssh/transport/packet-assembler.ts";
import { logIn } from "../support/auth-person.ts";
import { startTestAuth } from "../support/auth-service.ts";
import { serverOptions } from "../support/ssh-pair.ts";

const refuse = () => Promise.reject(new Fault("unproven", "no"));
const options = {
  login: { beginLogin: refuse, finishLogin: refuse },
  publicAddress: () => "localhost:3080",
  logger: { ...silentLogger, error: () => assert.fail("a request became a bug of ours") },
} as unknown as WebOptions;

async function post(path: string, body: RequestInit["body"]): Promise<number> {
  const init = { method: "POST", body: body ?? null, duplex: "half" } as RequestInit;
  const request = new Request(`https://localhost${path}`, init);
  const response = await createWebApp(options).fetch(request, { remoteAddress: "192.0.2.7" });
  return response.status;
}

test("a login body without end is refused while it still comes", async () => {
  let sent = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 16_384;
      controller.enqueue(new Uint8Array(16_384).fill(0x20));
    },
  });
  assert.equal(await post("/webapi/mfa/login/begin", endless), 413);
  assert.ok(sent < 1024 * 1024, `${sent} bytes were taken`);
});

test("a login body that is nested without reason is refused, not an error", async () => {
  for (const [open, close] of [
    ["[", "]"],
    ['{"a":', "}"],
  ] as const) {
    const depth = Math.floor(65_000 / (open.length + close.length));
    const nested = `${open.repeat(depth)}1${close.repeat(depth)}`;
    const body = `{"user":"a","webauthn_challenge_response":${nested}}`;
    assert.ok([400, 403].includes(await post("/webapi/mfa/login/finish", body)));
  }
});

test("a gRPC message is refused for its announced length, before its bytes come", () => {
  const reader = new MessageReader();
  reader.push(Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff));
  assert.throws(
    () => reader.poll(),
    (error) => isFault(error, "limit"),
  );
});

test("an SSH packet is refused for its announced length, before memory is taken for it", () => {
  for (const head of [
    [0xff, 0xff, 0xff, 0xff],
    [0, 0x10, 0, 0],
    [0, 0, 0, 1],
  ]) {
    assert.throws(
      () => new PacketAssembler().take(Uint8Array.from(head), 0),
      (error) => isFault(error, "malformed"),
    );
  }
});

test("an SSH version line without end ends the connection", async () => {
  const [ours, theirs] = duplexPair();
  const server = new ServerConnection(ours, serverOptions());
  theirs.resume();
  theirs.write(new Uint8Array(300).fill(0x53));
  assert.ok(isFault(await server.closed, "malformed"));
  theirs.destroy();
});

test("a tunnel that ends within its opening is refused", async () => {
  const stream = new PassThrough();
  stream.end(Uint8Array.of(0xff, 0xff, 0x7b));
  await assert.rejects(readOpening(stream), (error) => isFault(error, "unavailable"));
});

test("an ordinary user's search has few words and labels, and a filter a bounded length", async () => {
  const cluster = await startTestAuth();
  const person = await logIn(cluster, "alice", { roles: ["access"] });
  const auth = await person.client.service("auth");
  const many = Array.from({ length: 100_000 }, () => "a");
  const Labels = Object.fromEntries(many.map((_, index) => [`k${index}`, "v"]));
  for (const request of [
    { SearchKeywords: many },
    { SearchKeywords: ["a".repeat(1_000_000)] },
    { Labels },
    { PredicateExpression: `${'name == "a" || '.repeat(5000)}name == "b"` },
  ]) {
    const refused = (error: unknown) => isFault(error, "limit", "invalid");
    await assert.rejects(auth.listUnifiedResources({ ...request, Kinds: ["node"] }), refused);
    await assert.rejects(auth.listResources({ ...request, ResourceType: "node" }), refused);
  }
  await assert.rejects(auth.resolveSSHTarget({ searchKeywords: many }), (error) =>
    isFault(error, "limit"),
  );
  await person.client.close();
  await cluster.close();
});

test("expressions and YAML that nest or multiply are refused", () => {
  const refused = (error: unknown) => isFault(error, "invalid");
  assert.throws(
    () => compileResourceFilter(`${"!(".repeat(5000)}true${")".repeat(5000)}`),
    refused,
  );
  const bomb = ["a: &a0 [x]", ...Array.from({ length: 30 }, (_, i) => bombLine(i))].join("\n");
  assert.throws(() => parseDocuments(bomb, { source: "bomb.yaml" }), refused);
  const deep = "[".repeat(20_000);
  assert.throws(() => parseDocuments(deep, { source: "deep.yaml" }), refused);
  assert.ok(utf8(bomb).length < 2000);
});

function bombLine(i: number): string {
  return `b${i}: &a${i + 1} [${Array.from({ length: 9 }, () => `*a${i}`).join(",")}]`;
}
