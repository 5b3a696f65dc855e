import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { Fault } from "#base/fault.ts";
import { AgentSockets } from "./agent-socket.ts";

const isRoot = process.getuid?.() === 0;
const account = { name: "nobody", uid: isRoot ? 65_534 : (process.getuid?.() ?? 0), gid: 65_534 };

/** Opens a socket for the account; counts who comes. */
async function open() {
  const sockets = new AgentSockets();
  let connections = 0;
  const socket = await sockets.open({ ...account, home: "/", shell: "/bin/sh" }, () => {
    connections++;
    return Promise.reject(new Fault("unavailable", "there is no client"));
  });
  return { sockets, socket, count: () => connections };
}

/** True when a process of the user can connect to the socket. It starts as we are: others may not enter this checkout. */
async function reaches(uid: number, path: string): Promise<boolean> {
  const become = `process.setgroups([]); process.setgid(${uid}); process.setuid(${uid});`;
  const connect = `require("node:net").connect(process.argv[1]).on("connect", () => process.exit(0)).on("error", () => process.exit(1))`;
  const script = isRoot ? `${become} ${connect}` : connect;
  return promisify(execFile)(process.execPath, ["-e", script, path]).then(
    () => true,
    () => false,
  );
}

test("only the account can use the socket", async () => {
  const { sockets, socket, count } = await open();
  const { uid, mode } = statSync(socket.path);
  assert.equal(uid, account.uid);
  assert.equal(mode & 0o777, 0o600);
  if (isRoot) assert.equal(await reaches(65_533, socket.path), false);
  assert.equal(count(), 0);
  await socket.close();
  await sockets.close();
});

test("the account cannot put anything beside the socket, which the node would remove as root", async () => {
  const { sockets, socket } = await open();
  for (const folder of [dirname(socket.path), dirname(dirname(socket.path))]) {
    const { uid, mode } = statSync(folder);
    assert.equal(uid, process.getuid?.());
    assert.equal(mode & 0o022, 0, folder);
  }
  await socket.close();
  assert.throws(() => statSync(dirname(socket.path)));
  await sockets.close();
});

test("the account itself gets through", { skip: !isRoot }, async () => {
  const { sockets, socket } = await open();
  assert.equal(await reaches(account.uid, socket.path), true);
  await socket.close();
  await sockets.close();
});
