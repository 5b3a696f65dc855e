/** Thousands of nodes: created from one file, and listed. Run last, because they stay. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Bench } from "../context.ts";
import { compareCommands, timeCommand } from "../measure.ts";
import type { Reference } from "../reference.ts";
import type { Row } from "../row.ts";

const count = 5000;

/** Creates the nodes and lists them. */
export async function measureListing(bench: Bench): Promise<Row[]> {
  const { cluster, machine } = await bench.workplace();
  const file = join(machine.folder, "nodes.yaml");
  writeFileSync(file, Array.from({ length: count }, (_, index) => node(index)).join("---\n"));
  const tctl = await bench.our("tctl", `--data-dir=${cluster.dataDir}`, "create", "-f", file);
  const created = await timeCommand(tctl);
  const reference = await bench.reference();
  const official = reference && (await timeCommand(reference.admin("create", "-f", file)));
  if (reference) await untilListed(reference);
  const ms = await compareCommands(
    {
      all: await bench.our("tsh", "ls"),
      some: await bench.our("tsh", "ls", "group=7"),
      official: reference?.tsh("ls"),
      officialSome: reference?.tsh("ls", "group=7"),
    },
    7,
  );
  return [
    {
      what: `tctl create -f of ${count} nodes`,
      unit: "s",
      ours: created / 1000,
      goal: { at: "most", limit: 8.6 },
      recorded: "8.6 s",
      official: official && official / 1000,
    },
    {
      what: `tsh ls of ${count + 1} nodes`,
      unit: "ms",
      ours: ms.all,
      goal: { at: "most", limit: 260 },
      recorded: "155–262 ms",
      official: ms.official,
    },
    {
      what: "tsh ls with labels that leave 100 of them",
      unit: "ms",
      ours: ms.some,
      goal: { at: "most", limit: 103 },
      recorded: "87–103 ms",
      official: ms.officialSome,
    },
  ];
}

/** Their server reads from a cache that follows its writes. */
async function untilListed({ server }: Reference): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt++) {
    if ((await server.admin("nodes", "ls")).split("\n").length > count) return;
    await wait(200);
  }
  throw new Error(`the reference does not list ${count} nodes`);
}

function node(index: number): string {
  const id = `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`;
  return [
    ...["kind: node", "sub_kind: teleport", "version: v2", "metadata:", `  name: ${id}`],
    ...["  labels:", `    group: "${index % 50}"`, "    env: bench", "spec:"],
    ...[`  hostname: bench-${index}`, `  addr: 127.0.0.1:${20_000 + index}`, ""],
  ].join("\n");
}
