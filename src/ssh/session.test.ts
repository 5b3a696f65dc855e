import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { Fault, isFault } from "#base/fault.ts";
import type { ServerSession, SessionHandler } from "#ssh/connection/server-session.ts";
import { join } from "../../test/support/ssh-pair.ts";

const size = { columns: 80, rows: 24, pixelWidth: 0, pixelHeight: 0 };

/** A pair whose server serves every session with `handler`. */
function serve(handler: (session: ServerSession) => SessionHandler | Promise<SessionHandler>) {
  return join({ onSession: (session) => handler(session) });
}

test("a program's output, errors and exit status arrive", async () => {
  const { client } = serve((session) => ({
    exec: (command) => {
      session.channel.write(`ran ${command}`);
      session.channel.stderr.write("warned");
      session.exit(3);
      return true;
    },
  }));
  const session = await client.openSession();
  const [out, err] = [text(session.channel), text(session.channel.stderr)];
  await session.exec("it");
  assert.deepEqual(await session.exit, { status: 3 });
  assert.deepEqual([await out, await err], ["ran it", "warned"]);
  client.close();
});

test("a program reads its input to the end", async () => {
  const { client } = serve((session) => ({
    shell: () => {
      void text(session.channel).then((input) => {
        session.channel.write(input.toUpperCase());
        session.exit(0);
      });
      return true;
    },
  }));
  const session = await client.openSession();
  session.channel.stderr.resume();
  await session.shell();
  session.channel.end("input");
  assert.equal(await text(session.channel), "INPUT");
  assert.deepEqual(await session.exit, { status: 0 });
  client.close();
});

test("a signal that ended the program arrives", async () => {
  const { client } = serve((session) => ({
    exec: () => true,
    signal: (name) => {
      session.exitSignal(name);
      return true;
    },
  }));
  const session = await client.openSession();
  session.channel.resume();
  await session.exec("sleep");
  session.signal("KILL");
  assert.deepEqual(await session.exit, { signal: "KILL", message: "" });
  client.close();
});

test("terminal, environment and agent requests reach the handler with what they carry", async () => {
  const seen: unknown[] = [];
  const note = (...what: unknown[]): boolean => seen.push(what) > 0;
  const { client } = serve((session) => ({
    pty: (terminal) => note("pty", terminal),
    env: (name, value) => note("env", name, value),
    agentForwarding: () => note("agent"),
    subsystem: (name) => note("subsystem", name),
    windowChange: (changed) => {
      note("resize", changed);
      session.exit(0);
    },
  }));
  const session = await client.openSession();
  session.channel.resume();
  const modes = new Map([[53, 1]]);
  await session.requestPty({ term: "xterm", modes, ...size });
  assert.equal(await session.setEnv("LANG", "C"), true);
  await session.requestAgentForwarding();
  await session.subsystem("sftp");
  session.resize({ ...size, rows: 50 });
  await session.exit;
  assert.deepEqual(seen, [
    ["pty", { term: "xterm", modes, ...size }],
    ["env", "LANG", "C"],
    ["agent"],
    ["subsystem", "sftp"],
    ["resize", { ...size, rows: 50 }],
  ]);
  client.close();
});

test("what the handler does not do is refused, and the session goes on", async () => {
  const { client } = serve((session) => ({
    exec: () => {
      session.exit(0);
      return true;
    },
    env: () => {
      throw new Fault("access-denied", "not this one");
    },
  }));
  const session = await client.openSession();
  session.channel.resume();
  const denied = (error: unknown): boolean => isFault(error, "access-denied");
  await assert.rejects(session.shell(), denied);
  await assert.rejects(session.requestPty({ term: "x", modes: new Map(), ...size }), denied);
  assert.equal(await session.setEnv("A", "b"), false);
  client.close();
});

test("one session runs one program", async () => {
  let runs = 0;
  const { client } = serve(() => ({ exec: () => ++runs > 0, env: () => true, pty: () => true }));
  const session = await client.openSession();
  await session.exec("one");
  await assert.rejects(session.exec("two"));
  assert.equal(await session.setEnv("LATE", "1"), false);
  await assert.rejects(session.requestPty({ term: "x", modes: new Map(), ...size }));
  assert.equal(runs, 1);
  client.close();
});

test("a session that policy forbids shows why", async () => {
  const { client } = serve(() => Promise.reject(new Fault("access-denied", "too many sessions")));
  await assert.rejects(client.openSession(), {
    code: "access-denied",
    message: "administratively prohibited (too many sessions)",
  });
  client.close();
});

test("connections go through the server", async () => {
  const { client } = join({
    onDirectTcpip: (_connection, target, accept) => {
      accept().end(`${target.address}:${target.port}`);
    },
  });
  const origin = { originAddress: "127.0.0.1", originPort: 1 };
  const channel = await client.openDirectTcpip({ address: "db", port: 5432, ...origin });
  assert.equal(await text(channel), "db:5432");
  client.close();
});

test("a client listens on the server, gets its connections, and stops", async () => {
  const listening = new Set<number>();
  const { client, server } = join(
    {
      forward: () => ({
        listen: ({ port }) => {
          listening.add(port || 2222);
          return port || 2222;
        },
        cancel: ({ port }) => listening.delete(port),
      }),
    },
    { onForwardedTcpip: (from, accept) => void accept().end(`from ${from.originPort}`) },
  );
  const where = { address: "localhost", port: 0 };
  assert.equal(await client.requestForward(where), 2222);
  const from = { address: "localhost", port: 2222, originAddress: "10.0.0.1", originPort: 7 };
  assert.equal(await text(await server.openForwardedTcpip(from)), "from 7");
  assert.equal(await client.cancelForward({ ...where, port: 2222 }), true);
  assert.equal(await client.cancelForward({ ...where, port: 2222 }), false);
  client.close();
});

test("a server that forwards nothing refuses", async () => {
  const { client } = join();
  const origin = { originAddress: "127.0.0.1", originPort: 1 };
  await assert.rejects(client.openDirectTcpip({ address: "db", port: 1, ...origin }));
  await assert.rejects(client.requestForward({ address: "", port: 0 }), (error) =>
    isFault(error, "access-denied"),
  );
  client.close();
});

test("a client opens its agent and forwarded ports to nobody by default", async () => {
  const { client, server } = join();
  await client.ready;
  await assert.rejects(server.openAgent(), (error) => isFault(error, "unimplemented"));
  const from = { address: "x", port: 1, originAddress: "x", originPort: 1 };
  await assert.rejects(server.openForwardedTcpip(from), (error) => isFault(error, "unimplemented"));
  client.close();
});

test("a megabyte each way at once survives new keys every 64 KiB", async () => {
  const { client } = join(
    {
      rekeyBytes: 65_536,
      onSession: (session) => ({
        shell: () => {
          session.channel.pipe(session.channel);
          return true;
        },
      }),
    },
    { rekeyBytes: 65_536 },
  );
  const session = await client.openSession();
  session.channel.stderr.resume();
  await session.shell();
  const sent = Buffer.alloc(1_048_576, "0123456789abcde");
  session.channel.end(sent);
  const received: Uint8Array[] = [];
  for await (const chunk of session.channel) received.push(chunk);
  assert.deepEqual(Buffer.concat(received), sent);
  client.close();
});

test("the end of the connection ends a session without an exit status", async () => {
  const { client, server } = serve(() => ({ shell: () => true }));
  const session = await client.openSession();
  session.channel.resume();
  await session.shell();
  server.close("going down");
  assert.deepEqual(await session.exit, {});
  assert.match((await client.closed).message, /going down/);
});
