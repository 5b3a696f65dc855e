/**
 * CVE-2026-39834: windows and lengths beyond 32 bits. Class 10 of docs/bug-classes.md: a peer that grants or sends more
 * than can be counted is cut off.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { concat } from "#base/bytes.ts";
import { channelData, channelDataHead, channelWindowAdjust } from "#ssh/messages/connection.ts";
import { answer } from "../support/hostile-ssh.ts";
import type { NodeCluster } from "../support/node-cluster.ts";
import { attempt, startOpenNode } from "./ssh-node.ts";

let cluster: NodeCluster;

before(async () => {
  cluster = await startOpenNode();
});

after(() => cluster.close());

/** Opens a session, sends messages and tells whether the server hung up. */
function isCutOff(messages: (recipient: number) => readonly Uint8Array[]): Promise<boolean> {
  const { certificate, key } = cluster.certify();
  return attempt(cluster, async (client) => {
    assert.equal(await client.prove("root", certificate, key), answer.success);
    const recipient = await client.openSession();
    assert.ok(recipient !== undefined);
    for (const message of messages(recipient)) client.transport.send(message);
    // A server that is still there opens a second session.
    const second = await client.openSession();
    return second === undefined && client.cutOff;
  });
}

test("a window that grows within 32 bits is fine", async () => {
  const bytes = 0x7fff_0000;
  assert.equal(
    await isCutOff((recipient) => [channelWindowAdjust.encode({ recipient, bytes }).slice()]),
    false,
  );
});

test("a window that grows beyond 32 bits ends the connection", async () => {
  const grow = (recipient: number) =>
    channelWindowAdjust.encode({ recipient, bytes: 0xffff_ffff }).slice();
  assert.ok(await isCutOff((recipient) => [grow(recipient), grow(recipient)]));
});

test("data beyond the window, or with a length that is not there, ends the connection", async () => {
  const data = new Uint8Array(32_000);
  const flood = (recipient: number) =>
    Array.from({ length: 150 }, () => channelData.encode({ recipient, data }).slice());
  assert.ok(await isCutOff(flood));
  const lie = (recipient: number) =>
    concat(channelDataHead.encode({ recipient, length: 0xffff_ffff }).slice(), data);
  assert.ok(await isCutOff((recipient) => [lie(recipient)]));
});
