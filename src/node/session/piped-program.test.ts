/** Programs between real pipes and a channel, with more than any buffer holds. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { after, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { silentLogger } from "#base/log.ts";
import { runPiped } from "#node/session/piped-program.ts";
import { PipePool } from "#node/session/pipes.ts";
import { SessionKiller } from "#node/session/session-killer.ts";
import type { ClientSession } from "#ssh/connection/client-session.ts";
import { join } from "../../../test/support/ssh-pair.ts";

const pool = new PipePool(silentLogger);
after(() => pool.close());
const account = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const numbers = Array.from({ length: 400_000 }, (_, i) => `${i + 1}\n`).join("");

/** A session in which a line of shell runs, and how many bytes the node saw pass. */
async function run(line: string) {
  const seen = { input: 0, output: 0 };
  const { client } = join({
    onSession: (session) => ({
      exec: async (command) => {
        const place = { env: { PATH: process.env["PATH"] ?? "" }, cwd: "/" };
        const launch = { file: "/bin/sh", args: ["-c", command], ...place };
        const observer = {
          input: ({ length }: Uint8Array) => {
            seen.input += length;
          },
          output: ({ length }: Uint8Array) => {
            seen.output += length;
          },
        };
        const pipes = await pool.take(account);
        const program = runPiped(launch, pipes, session.channel, observer, new SessionKiller());
        void program.ended.then((exit) => session.exit("status" in exit ? exit.status : 255));
        return true;
      },
    }),
  });
  const session = await client.openSession();
  session.channel.stderr.resume();
  await session.exec(line);
  return { session, seen };
}

async function readAll(session: ClientSession, pause?: () => Promise<unknown>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of session.channel) {
    parts.push(chunk);
    await pause?.();
  }
  return Buffer.concat(parts).toString();
}

test("output arrives whole, and is counted", async () => {
  const { session, seen } = await run("seq 1 400000");
  assert.ok((await readAll(session)) === numbers);
  assert.deepEqual(await session.exit, { status: 0 });
  assert.equal(seen.output, numbers.length);
});

test("output arrives whole when the client reads slowly", async () => {
  const { session } = await run("seq 1 400000");
  const slowly = async () => {
    for (let i = 0; i < 20; i++) await turn();
  };
  assert.ok((await readAll(session, slowly)) === numbers);
});

test("the output of programs that run at once is not mixed up", async () => {
  const letters = [..."abcdef"];
  const outputs = letters.map(async (letter) => {
    const { session } = await run(`head -c 3000000 /dev/zero | tr '\\0' ${letter}`);
    return readAll(session);
  });
  for (const [index, output] of (await Promise.all(outputs)).entries()) {
    assert.ok(output === (letters[index] ?? "").repeat(3_000_000));
  }
});

test("error output comes apart from the other", async () => {
  const { session } = await run("seq 1 20000 >&2; echo out");
  const errors: Uint8Array[] = [];
  session.channel.stderr.on("data", (chunk: Uint8Array) => errors.push(chunk));
  assert.equal(await readAll(session), "out\n");
  assert.ok(Buffer.concat(errors).toString() === numbers.slice(0, numbers.indexOf("20001\n")));
});

test("input arrives whole, and is counted", async () => {
  const { session, seen } = await run("sha256sum");
  const content = Buffer.from(numbers);
  session.channel.end(content);
  const sum = createHash("sha256").update(content).digest("hex");
  assert.equal(await readAll(session), `${sum}  -\n`);
  assert.equal(seen.input, content.length);
});

test("a program that reads nothing does not keep the client from sending, or from its own end", async () => {
  const { session } = await run("exec <&-; echo done");
  session.channel.end(Buffer.alloc(5_000_000));
  assert.equal(await readAll(session), "done\n");
  assert.deepEqual(await session.exit, { status: 0 });
});

test("a client that goes away does not keep the program waiting", async () => {
  const { session } = await run("seq 1 400000; exit 3");
  await once(session.channel, "readable");
  session.channel.destroy();
  await session.channel.whenClosed;
});
