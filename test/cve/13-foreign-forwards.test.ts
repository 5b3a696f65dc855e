/**
 * teleport#67442: one user cancels or finds another one's forwarded ports. Class 13 of docs/bug-classes.md: a listener
 * belongs to the connection that asked for it.
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import {
  channelOpen,
  forwardedPort,
  forwardRequest,
  globalRequest,
  requestSuccess,
} from "#ssh/messages/connection.ts";
import { answer, HostileSsh } from "../support/hostile-ssh.ts";
import type { NodeCluster } from "../support/node-cluster.ts";
import { startOpenNode } from "./ssh-node.ts";

let cluster: NodeCluster;

before(async () => {
  cluster = await startOpenNode();
});

after(() => cluster.close());

async function logIn(username: string): Promise<HostileSsh> {
  const { certificate, key } = cluster.certify({ username });
  const client = await HostileSsh.open(cluster.port);
  assert.equal(await client.prove("root", certificate, key), answer.success);
  return client;
}

/** Asks for or gives up a port; undefined when the server refuses. */
async function ask(
  client: HostileSsh,
  name: string,
  port: number,
): Promise<Uint8Array | undefined> {
  const payload = forwardRequest.encode({ address: "localhost", port }).slice();
  client.transport.send(globalRequest.encode({ name, wantReply: true, payload }));
  for (;;) {
    const message = await client.next();
    // Connections to the port are announced in between.
    if (message?.[0] === channelOpen.number) continue;
    return message?.[0] === requestSuccess.number ? message : undefined;
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

test("a forwarded port is cancelled by its own connection and by no other", async () => {
  const owner = await logIn("alice");
  const opened = await ask(owner, "tcpip-forward", 0);
  assert.ok(opened, "the role allows forwarding");
  const { port } = forwardedPort.decode(requestSuccess.decode(opened).payload);
  for (const name of ["mallory", "alice"]) {
    const other = await logIn(name);
    assert.equal(await ask(other, "cancel-tcpip-forward", port), undefined, `cancelled by ${name}`);
    assert.equal(await ask(other, "cancel-tcpip-forward", 0), undefined);
    assert.equal(await ask(other, "tcpip-forward", port), undefined, "opened twice");
    other.close();
  }
  assert.ok(await isListening(port), "the port is still open");
  assert.ok(await ask(owner, "cancel-tcpip-forward", port));
  assert.ok(!(await isListening(port)), "the owner closed it");
  owner.close();
});
