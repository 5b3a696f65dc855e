/**
 * `kill -9` at any moment loses nothing that was acknowledged. A child writes without pause; it is
 * killed at a random moment, 200 times on two stores, and each time the store must open, be whole,
 * and hold at least what the child was told is durable.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Backend } from "#backend/port.ts";
import { openSqliteBackend } from "#backend/sqlite.ts";
import { systemClock } from "#base/clock.ts";

const kills = 200;
/** Stores that are treated so at the same time, each with its share of the kills. */
const stores = 2;
const writer = fileURLToPath(new URL("../support/backend-writer.ts", import.meta.url));
const root = mkdtempSync(join(tmpdir(), "gatehouse-crash-"));
after(() => rmSync(root, { recursive: true, force: true }));

interface Acknowledged {
  readonly slots: Map<number, number>;
  pair: number;
}

/**
 * Lets a writer run until so many bytes of acknowledgements came and some microseconds passed, then
 * kills it.
 */
async function runAndKill(
  folder: string,
  start: number,
  acknowledged: Acknowledged,
): Promise<number> {
  const child = spawn(process.execPath, [writer, folder, String(start)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const output = collect(child);
  await once(child.stdout ?? child, "data");
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 40));
  child.kill("SIGKILL");
  const [, signal] = await once(child, "close");
  assert.equal(signal, "SIGKILL", "the writer must not end by itself");
  const lines = output().split("\n").slice(0, -1);
  for (const line of lines) {
    const [what, round, slot] = line.split(" ");
    if (what === "s") acknowledged.slots.set(Number(slot), Number(round));
    if (what === "p") acknowledged.pair = Number(round);
  }
  return lines.length - 1;
}

function collect(child: ChildProcess): () => string {
  const chunks: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}

async function readRound(backend: Backend, key: string, letter: string): Promise<number> {
  const item = await backend.find(key);
  if (item === undefined) return -1;
  const [round = "", rest = ""] = Buffer.from(item.value).toString().split(":");
  const length = Number(round) % (letter === "x" ? 3000 : 5000);
  assert.equal(rest, letter.repeat(length), `${key} is torn`);
  return Number(round);
}

/** Kills writers of one store again and again; gives the number of acknowledged writes. */
async function torture(folder: string): Promise<number> {
  const acknowledged: Acknowledged = { slots: new Map(), pair: -1 };
  let start = 0;
  let total = 0;
  for (let kill = 0; kill < kills / stores; kill++) {
    total += await runAndKill(folder, start, acknowledged);
    const backend = openSqliteBackend({ folder, clock: systemClock });
    for (const [slot, round] of acknowledged.slots) {
      const stored = await readRound(backend, `/slot/${slot}`, "x");
      assert.ok(
        stored >= round,
        `slot ${slot}: round ${round} was acknowledged, ${stored} is stored`,
      );
      start = Math.max(start, stored + 1);
    }
    const left = await readRound(backend, "/pair/left", "y");
    assert.equal(await readRound(backend, "/pair/right", "y"), left, "an atomic write is torn");
    assert.ok(
      left >= acknowledged.pair,
      `pair ${acknowledged.pair} was acknowledged, ${left} is stored`,
    );
    if (left >= 0) assert.equal(await readRound(backend, `/history/${left % 50}`, "y"), left);
    start = Math.max(start, left + 1);
    await backend.close();
  }
  return total;
}

test(`${kills} kills at random moments lose nothing that was acknowledged`, async () => {
  const folders = Array.from({ length: stores }, (_, i) => join(root, String(i)));
  const totals = await Promise.all(folders.map(torture));
  const total = totals.reduce((sum, count) => sum + count, 0);
  assert.ok(total > kills, `only ${total} writes were acknowledged: nothing was tested`);
});
