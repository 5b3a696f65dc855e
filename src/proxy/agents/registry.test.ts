import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import { Fault, isFault } from "#base/fault.ts";
import { type AgentDialer, AgentRegistry } from "#proxy/agents/registry.ts";

const request = { service: "ssh", clientAddress: "127.0.0.1:1" };
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
