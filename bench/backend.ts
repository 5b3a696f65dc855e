/**
 * The durable store: writes, reads and ranges per second, and how long the event loop stands still
 * meanwhile. Values have 640 bytes, as roles and devices do. The reference is the sync itself: one
 * appended page with fdatasync, in the same run.
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { scanItems } from "#backend/scan.ts";
import { openSqliteBackend } from "#backend/sqlite.ts";
import { systemClock } from "#base/clock.ts";

const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), "gatehouse-bench-"));
const value = new Uint8Array(640).fill(0x61);

function report(what: string, count: number, start: bigint): void {
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  console.log(`${what.padEnd(44)} ${(count / seconds).toFixed(0).padStart(8)}/s`);
}

function measureSync(count: number): void {
  const file = openSync(join(folder, "sync"), "w");
  const start = process.hrtime.bigint();
  for (let i = 0; i < count; i++) {
    writeSync(file, new Uint8Array(4096));
    fdatasyncSync(file);
  }
  report("raw append + fdatasync", count, start);
  closeSync(file);
}

const backend = openSqliteBackend({ folder, clock: systemClock });

async function measurePuts(writers: number, count: number): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = process.hrtime.bigint();
  const write = async (writer: number) => {
    for (let i = writer; i < count; i += writers) await backend.put(`/n/${i % 20_000}`, value);
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  report(`durable puts, ${writers} at once`, count, start);
  delay.disable();
  const [p99, max] = [delay.percentile(99) / 1e6, delay.max / 1e6];
  console.log(`  event loop delay p99 ${p99.toFixed(1)} ms, max ${max.toFixed(1)} ms`);
}

async function measureReads(count: number): Promise<void> {
  const start = process.hrtime.bigint();
  for (let i = 0; i < count; i++) await backend.get(`/n/${i % 20_000}`);
  report("gets", count, start);
  const scanStart = process.hrtime.bigint();
  let rows = 0;
  for await (const _ of scanItems(backend, { prefix: "/n/" })) rows++;
  report("rows of a range", rows, scanStart);
}

measureSync(1000);
await measurePuts(1, 2000);
await measurePuts(64, 60_000);
await measurePuts(1000, 100_000);
await measureReads(200_000);
await backend.close();
rmSync(folder, { recursive: true });
