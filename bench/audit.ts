/**
 * Audit events per second into the store and the day's file together, and how long the event loop
 * stands still meanwhile. The goal: 10 000 a second leave the loop free for other work.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { joinSinks } from "#audit/sink.ts";
import { FileSink } from "#auth/audit/file-sink.ts";
import { AuditRecorder } from "#auth/audit/recorder.ts";
import { StoreSink } from "#auth/audit/store-sink.ts";
import { openSqliteBackend } from "#backend/sqlite.ts";
import { systemClock } from "#base/clock.ts";
import { systemRandom } from "#base/random.ts";

const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-"));
const backend = openSqliteBackend({ folder, clock: systemClock });
const store = new StoreSink(backend, systemClock);
const files = new FileSink(join(folder, "audit"), systemClock);
const recorder = new AuditRecorder({
  sink: joinSinks([store, files]),
  clusterName: "example.com",
  clock: systemClock,
  random: systemRandom,
});

async function record(): Promise<void> {
  await recorder.record("exec", {
    user: "alice",
    login: "root",
    server_id: "36c64587-5aec-46b0-bed9-c31c2327b8f0",
    command: "id; hostname",
    exitCode: "0",
    "addr.remote": "127.0.0.1:36128",
  });
}

async function measure(
  what: string,
  perTick: number,
  ticks: number,
  tickMs: number,
): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const cpu = process.cpuUsage();
  const start = performance.now();
  const pending: Promise<void>[] = [];
  for (let tick = 0; tick < ticks; tick++) {
    for (let i = 0; i < perTick; i++) pending.push(record());
    const wait = start + (tick + 1) * tickMs - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, wait)));
  }
  await Promise.all(pending);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  delay.disable();
  const rate = (pending.length / seconds).toFixed(0);
  const share = ((user + system) / 1e4 / seconds).toFixed(0);
  const [p50, p99] = [delay.percentile(50) / 1e6, delay.percentile(99) / 1e6];
  console.log(
    `${what.padEnd(28)} ${rate}/s  CPU ${share} %  loop p50 ${p50.toFixed(1)} p99 ${p99.toFixed(1)} ms`,
  );
}

await measure("10 000 a second for 5 s", 50, 1000, 5);
await measure("as fast as possible", 500, 100, 0);
const start = performance.now();
const { events } = await store.search({ order: "descending", limit: 100, types: ["exec"] });
console.log(`newest ${events.length} of all        ${(performance.now() - start).toFixed(1)} ms`);
await files.close();
await backend.close();
rmSync(folder, { recursive: true });
