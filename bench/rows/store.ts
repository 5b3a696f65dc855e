/** Durable writes per second, against one appended page with fdatasync each. `bench/backend.ts` looks closer. */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteBackend } from "#backend/sqlite.ts";
import { systemClock } from "#base/clock.ts";
import { median, rateAtOnce, ratePerSecond } from "../measure.ts";
import type { Row } from "../row.ts";

/** Values have 640 bytes, as roles and devices do. */
export async function measureStore(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-"));
  const file = openSync(join(folder, "raw"), "w");
  const backend = openSqliteBackend({ folder, clock: systemClock });
  const value = new Uint8Array(640).fill(0x61);
  const page = new Uint8Array(4096);
  const rates = { raw: [] as number[], one: [] as number[], many: [] as number[] };
  const put = (index: number) => backend.put(`/bench/${index % 5000}`, value);
  for (let round = 0; round < 5; round++) {
    const raw = ratePerSecond(300, () => {
      writeSync(file, page);
      fdatasyncSync(file);
    });
    rates.raw.push(raw);
    rates.one.push(await rateAtOnce(300, 1, put));
    rates.many.push(await rateAtOnce(10_000, 64, put));
  }
  await backend.close();
  closeSync(file);
  rmSync(folder, { recursive: true });
  const peer = { what: "append + fdatasync", value: median(rates.raw) };
  return [
    {
      what: "durable puts, one writer",
      unit: "/s",
      ours: median(rates.one),
      peer,
      goal: { at: "least", limit: 0.5 },
    },
    {
      what: "durable puts, 64 writers",
      unit: "/s",
      ours: median(rates.many),
      peer,
      goal: { at: "least", limit: 3 },
    },
  ];
}
