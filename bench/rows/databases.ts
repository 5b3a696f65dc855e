/**
 * PostgreSQL through proxy and agent, every query audited, against the same server over TLS. An agent of its own, as it stands
 * beside a database; `tsh proxy db` on the person's side.
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { AgentHost } from "../../test/support/cluster/agent-host.ts";
import { databaseAgentConfig, LocalEnd } from "../../test/support/databases/cluster.ts";
import { PostgresServer } from "../../test/support/databases/postgres.ts";
import type { Bench } from "../context.ts";
import type { Row } from "../row.ts";

const seconds = "5";
const recorded: Readonly<Record<number, string>> = { 1: "1.2k to 1.6k tps", 8: "0.6k to 3.0k tps" };

/** Queries per second with one client and with eight, and the time for a new connection. */
export async function measureDatabases(bench: Bench): Promise<Row[]> {
  const { cluster, machine, person } = await bench.workplace();
  const files = join(cluster.folder, "bench-server");
  await cluster.admin("auth", "sign", "--format=db", "--host=localhost", `--out=${files}`);
  const server = await PostgresServer.start(files, [
    "CREATE USER alice",
    "CREATE USER bench SUPERUSER",
    "CREATE DATABASE orders OWNER alice",
  ]);
  const database = { name: "bench-db", protocol: "postgres", uri: `localhost:${server.port}` };
  const config = await databaseAgentConfig(cluster, "bench-db", [{ ...database, env: "bench" }]);
  const agent = new AgentHost(join(cluster.folder, "bench-db"), config);
  let end: LocalEnd | undefined;
  try {
    await agent.until(" ready ");
    await cluster.store(
      "kind: role\nversion: v7\nmetadata:\n  name: bench-db\nspec:\n  allow:\n    db_labels: {env: bench}\n    db_users: [alice]\n    db_names: [orders]\n",
    );
    await cluster.admin("users", "update", person.name, "--set-roles=access,editor,bench-db");
    end = await LocalEnd.open(machine, "--db-user=alice", "--db-name=orders", "bench-db");
    const direct = { port: server.port, user: "bench", mode: "require" };
    const ours = { port: end.port, user: "alice", mode: "disable" };
    pgbench(direct, ["-i", "-q"]);
    const grant = join(cluster.folder, "grant.sql");
    writeFileSync(grant, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO alice;\n");
    pgbench(direct, ["-n", "-f", grant, "-t", "1"]);
    const rows: Row[] = [];
    for (const clients of [1, 8] as const) {
      const args = ["-S", "-n", "-c", `${clients}`, "-T", seconds];
      rows.push({
        what: `PostgreSQL, pgbench select-only, ${clients === 1 ? "1 client" : `${clients} clients`}`,
        unit: "tps",
        ours: figureIn(pgbench(ours, args), /tps = ([\d.]+)/),
        peer: {
          what: "TLS to the server",
          value: figureIn(pgbench(direct, args), /tps = ([\d.]+)/),
        },
        ...(clients === 8 ? { goal: { at: "least" as const, limit: 0.8 } } : {}),
        recorded: recorded[clients],
      });
    }
    const anew = pgbench(ours, ["-S", "-n", "-C", "-c", "1", "-T", seconds]);
    rows.push({
      what: "PostgreSQL, a new connection",
      unit: "ms",
      ours: figureIn(anew, /average connection time = ([\d.]+)/),
      goal: { at: "most", limit: 30 },
      recorded: "100 to 150 ms",
    });
    return rows;
  } finally {
    await end?.close();
    await agent.stop();
    await server.stop();
  }
}

function pgbench(
  { port, user, mode }: { readonly port: number; readonly user: string; readonly mode: string },
  args: readonly string[],
): string {
  const ran = spawnSync(
    "pgbench",
    [...args, "-h", "127.0.0.1", "-p", `${port}`, "-U", user, "orders"],
    {
      encoding: "utf8",
      env: { ...process.env, PGSSLMODE: mode },
    },
  );
  if (ran.status !== 0) throw new Error(`pgbench ended with ${ran.status}:\n${ran.stderr}`);
  return ran.stdout;
}

function figureIn(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? Number.NaN);
}
