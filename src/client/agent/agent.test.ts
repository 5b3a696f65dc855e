import assert from "node:assert/strict";
import { chmodSync, existsSync, statSync, writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { isFault } from "#base/fault.ts";
import { AgentAccess, forgetLogin, isAgentRunning, stopAgent } from "#client/agent/client.ts";
import { agentPlace } from "#client/agent/place.ts";
import { AgentServer } from "#client/agent/server.ts";
import { ensureAgent } from "#client/agent/start.ts";
import { decodePublicKey } from "#ssh/public-key.ts";
import { verifySignature } from "#ssh/signature.ts";
import { emptyPlace, startTestAgent, userAuthData } from "../../../test/support/client/agent.ts";

async function start(context: TestContext, idleMs = 0) {
  const agent = await startTestAgent(idleMs);
  context.after(() => agent.close());
  return { ...agent, access: new AgentAccess(agent.place, "localhost") };
}

const query = { labels: { env: "dev" }, predicate: "", search: ["a"] };
const target = { host: "node", port: 0, login: "root" };

test("a listing crosses the socket", async (context) => {
  const { access, calls } = await start(context);
  const nodes = await access.listNodes(query);
  assert.equal(nodes[0]?.spec.hostname, "node");
  assert.deepEqual(calls, [query]);
});

test("a dialled node's bytes pass in both directions, and each direction ends on its own", async (context) => {
  const { access } = await start(context);
  const { stream } = await access.dialNode(target);
  const sent = "x".repeat(3_000_000);
  stream.end(sent);
  assert.equal(await text(stream), sent);
});

test("a node that breaks off ends the caller's stream", async (context) => {
  const { access, nodeEnds } = await start(context);
  const { stream } = await access.dialNode(target);
  const ended = new Promise((resolve) => stream.once("end", resolve));
  stream.resume();
  nodeEnds[0]?.destroy(new Error("gone"));
  await ended;
  stream.destroy();
});

test("the key stays in the agent: a login is signed there, and the signature holds", async (context) => {
  const { access, credential } = await start(context);
  const connection = await access.dialNode(target);
  context.after(() => connection.stream.destroy());
  const data = userAuthData(credential.certificate);
  const { signer } = connection.credential;
  const signature = await signer.sign(data, "ssh-ed25519");
  assert.ok(verifySignature(decodePublicKey(signer.publicKey), "ssh-ed25519", data, signature));
});

test("the agent signs logins with that certificate and nothing else", async (context) => {
  const { access, credential } = await start(context);
  const connection = await access.dialNode(target);
  context.after(() => connection.stream.destroy());
  const { signer } = connection.credential;
  const other = userAuthData(credential.certificate.slice(1));
  for (const data of [
    new TextEncoder().encode("a device challenge"),
    new Uint8Array(0),
    userAuthData(credential.certificate, { service: "ssh-userauth" }),
    userAuthData(credential.certificate, { method: "hostbased" }),
    userAuthData(credential.certificate).subarray(1),
    other,
  ]) {
    await assert.rejects(
      async () => signer.sign(data, "ssh-ed25519"),
      (error) => isFault(error, "access-denied"),
    );
  }
});

test("what the work refuses reaches the caller with code, sentence and hint", async (context) => {
  const { access, place } = await start(context);
  await assert.rejects(
    access.dialNode({ ...target, host: "missing" }),
    (error) => isFault(error, "not-found") && error.hint === "see tsh ls",
  );
  await assert.rejects(new AgentAccess(place, "elsewhere").device(), (error) =>
    isFault(error, "not-found"),
  );
});

test("sockets and token are the owner's alone, in a folder that is the owner's alone", async (context) => {
  const { place } = await start(context);
  for (const path of [place.socket, place.sshSocket, place.token]) {
    assert.equal(statSync(path).mode & 0o777, 0o600, path);
  }
  assert.equal(statSync(place.folder).mode & 0o777, 0o700);
});

test("a folder that others can enter is not spoken to, and not listened in", async (context) => {
  const { access, place, work } = await start(context);
  chmodSync(place.folder, 0o755);
  await assert.rejects(access.device(), (error) => isFault(error, "unavailable"));
  await assert.rejects(AgentServer.start({ place, work, idleMs: 0 }), (error) =>
    isFault(error, "environment"),
  );
  chmodSync(place.folder, 0o700);
});

test("a second agent for the same place does not start", async (context) => {
  const { place, work, access } = await start(context);
  await assert.rejects(AgentServer.start({ place, work, idleMs: 0 }), (error) =>
    isFault(error, "already-exists"),
  );
  assert.equal((await access.device()).assetTag, "X1");
});

test("an agent takes over from one that was killed and left its socket", async (context) => {
  const { place, remove } = emptyPlace();
  context.after(remove);
  const { work } = await start(context);
  const { openAgentFolder } = await import("#client/agent/place.ts");
  openAgentFolder(place);
  writeFileSync(place.socket, "");
  const server = await AgentServer.start({ place, work, idleMs: 0 });
  context.after(() => server.close());
  assert.equal(await isAgentRunning(place), true);
});

test("logout of the last login ends the agent and removes its files", async (context) => {
  const { place, server } = await start(context);
  await forgetLogin(place, "localhost");
  await server.ended;
  for (const path of [place.socket, place.sshSocket, place.token]) {
    assert.equal(existsSync(path), false, path);
  }
  await forgetLogin(place, "localhost");
  await stopAgent(place);
  assert.equal(await isAgentRunning(place), false);
});

test("an idle agent ends by itself", async (context) => {
  const { server } = await start(context, 20);
  await server.ended;
});

test("an agent with an open stream is not idle", async (context) => {
  const { access, server } = await start(context, 20);
  const { stream } = await access.dialNode(target);
  let ended = false;
  void server.ended.then(() => {
    ended = true;
  });
  stream.write("still here");
  const [chunk] = await new Promise<[Buffer]>((resolve) =>
    setTimeout(() => stream.once("data", (data: Buffer) => resolve([data])), 60),
  );
  assert.equal(chunk.toString(), "still here");
  assert.equal(ended, false);
  stream.destroy();
  await server.ended;
});

test("the place fits a socket path however long the folder's name is, and differs by folder and TPM", () => {
  const long = `/${"x".repeat(300)}`;
  const place = agentPlace(long, { XDG_RUNTIME_DIR: long });
  assert.ok(Buffer.byteLength(place.socket) <= 103);
  const ids = [
    agentPlace("/a", {}),
    agentPlace("/b", {}),
    agentPlace("/a", { GATEHOUSE_TPM: "swtpm:unix:/x" }),
  ].map(({ id }) => id);
  assert.equal(new Set(ids).size, 3);
});

test("an agent program that cannot run, or ends at once, is given up at once", async (context) => {
  const { place, remove } = emptyPlace();
  context.after(remove);
  for (const command of [["/nonexistent/agent"], ["/bin/false"]] as const) {
    assert.equal(await ensureAgent(place, command, {}), false);
  }
});
