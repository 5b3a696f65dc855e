import assert from "node:assert/strict";
import { chmodSync, existsSync, statSync, writeFileSync } from "node:fs";
import { buffer, text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { isFault } from "#base/fault.ts";
import { AgentAccess, forgetLogin, isAgentRunning, stopAgent } from "#client/agent/client.ts";
import { agentPlace } from "#client/agent/place.ts";
import { AgentServer } from "#client/agent/server.ts";
import { ensureAgent } from "#client/agent/start.ts";
import { ClientConnection } from "#ssh/client.ts";
import { emptyPlace, startTestAgent } from "../../../test/support/client/agent.ts";

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
  const stream = await access.dialNode(target);
  const sent = "x".repeat(3_000_000);
  stream.end(sent);
  assert.equal(await text(stream), sent);
});

test("a node that breaks off ends the caller's stream", async (context) => {
  const { access, nodeEnds } = await start(context);
  const stream = await access.dialNode(target);
  const ended = new Promise((resolve) => stream.once("end", resolve));
  stream.resume();
  nodeEnds[0]?.destroy(new Error("gone"));
  await ended;
  stream.destroy();
});

test("a login to a node gives its messages, and no key", async (context) => {
  const { access, calls } = await start(context);
  const login = await access.logInToNode(target);
  assert.ok("transport" in login);
  assert.deepEqual(calls, [target]);
  assert.deepEqual(login.banner, ["welcome"]);
  const connection = new ClientConnection(login.transport);
  const session = await connection.openSession();
  session.channel.stderr.resume();
  await session.exec("cat");
  const sent = Buffer.alloc(3_000_000, "0123456789abcde");
  session.channel.end(sent);
  assert.deepEqual(await buffer(session.channel), sent);
  connection.close();
});

test("a node that refuses the login says so, with what it told before", async (context) => {
  const { access } = await start(context);
  const login = await access.logInToNode({ ...target, login: "nobody" });
  assert.ok("fault" in login);
  assert.ok(isFault(login.fault, "access-denied"));
  assert.deepEqual(login.banner, ["welcome"]);
});

test("a caller that goes away ends its connection to the node", async (context) => {
  const { access, nodes } = await start(context);
  const login = await access.logInToNode(target);
  assert.ok("transport" in login);
  const connection = new ClientConnection(login.transport);
  await connection.ping();
  connection.close();
  assert.ok(isFault(await connection.closed, "canceled"));
  const fault = await nodes[0]?.closed;
  assert.ok(isFault(fault, "unavailable", "canceled"), String(fault));
});

test("why a node ended a connection reaches the caller", async (context) => {
  const { access, nodes } = await start(context);
  const login = await access.logInToNode(target);
  assert.ok("transport" in login);
  const connection = new ClientConnection(login.transport);
  await connection.ping();
  nodes[0]?.close("the server is going down");
  assert.match((await connection.closed).message, /the server is going down/);
});

test("a caller hears that the agent waits for the TPM, and its answer comes all the same", async (context) => {
  const { place } = await start(context);
  const heard: boolean[] = [];
  const told = new AgentAccess(place, "localhost", { onTpmBusy: (busy) => heard.push(busy) });
  assert.equal((await told.refreshDevice()).assetTag, "X2");
  assert.deepEqual(heard, [true, false, true]);
  // A later caller hears of the wait that goes on; and none of it gets among the bytes of a node.
  const later = new AgentAccess(place, "localhost", { onTpmBusy: (busy) => heard.push(busy) });
  const stream = await later.dialNode(target);
  assert.deepEqual(heard, [true, false, true, true]);
  stream.end("only this");
  assert.equal(await text(stream), "only this");
});

test("nobody hears of the TPM between a node's bytes", async (context) => {
  const { place, notices } = await start(context);
  const access = new AgentAccess(place, "localhost", { onTpmBusy: () => {} });
  const stream = await access.dialNode(target);
  notices.tell(true);
  stream.end("only this");
  assert.equal(await text(stream), "only this");
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
  const stream = await access.dialNode(target);
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
