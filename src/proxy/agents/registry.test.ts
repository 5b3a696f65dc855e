import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import { Fault, isFault } from "#base/fault.ts";
import { type AgentDialer, AgentRegistry } from "#proxy/agents/registry.ts";

const request = { service: "ssh", clientAddress: "127.0.0.1:1" } as const;
const dead: AgentDialer = { open: () => Promise.reject(new Fault("unavailable", "gone")) };
const alive = (): AgentDialer & { opened: number } => ({
  opened: 0,
  open() {
    this.opened++;
    return Promise.resolve(duplexPair()[0]);
  },
});

test("the newest tunnel is tried first and a dead one is skipped", async () => {
  const registry = new AgentRegistry();
  const older = alive();
  registry.add("host", older);
  registry.add("host", dead);
  await registry.open("host", request);
  assert.equal(older.opened, 1);
});

test("a host without a working tunnel is offline", async () => {
  const registry = new AgentRegistry();
  const remove = registry.add("host", alive());
  assert.equal(registry.has("host"), true);
  remove();
  remove();
  assert.equal(registry.has("host"), false);
  await assert.rejects(registry.open("host", request), (error) => isFault(error, "unavailable"));
});

test("an agent in this process is given the client's own stream", async () => {
  const registry = new AgentRegistry();
  const served: unknown[] = [];
  const agent = alive();
  registry.add("host", { ...agent, serve: (...given) => served.push(...given) });
  const join = await registry.connect("host", request);
  const [client] = duplexPair();
  const joined = join(client);
  assert.deepEqual(served, [client, request]);
  assert.equal(agent.opened, 0);
  client.destroy();
  await joined;
});

test("a client that has gone before it was joined is not waited for", async () => {
  const registry = new AgentRegistry();
  registry.add("host", { ...alive(), serve: () => {} });
  const join = await registry.connect("host", request);
  const [client] = duplexPair();
  client.destroy();
  await new Promise((resolve) => client.once("close", resolve));
  await join(client);
});

test("bytes for an agent behind a tunnel are passed on both ways", async () => {
  const registry = new AgentRegistry();
  const [ours, theirs] = duplexPair();
  registry.add("host", { open: () => Promise.resolve(ours) });
  const [client, wire] = duplexPair();
  const joined = (await registry.connect("host", request))(wire);
  theirs.pipe(theirs);
  client.end("there and back");
  let back = "";
  for await (const chunk of client.setEncoding("utf8")) back += chunk;
  assert.equal(back, "there and back");
  await joined;
});
