/** Whole commands against `kubectl version --client`, which is a Go program that starts, prints and ends. */

import { password } from "../../test/support/cluster.ts";
import type { Bench } from "../context.ts";
import { nodename } from "../context.ts";
import { type Command, compareCommands, median, timeCommand } from "../measure.ts";
import type { Row } from "../row.ts";

const kubectl: Command = { program: "kubectl", args: ["version", "--client"] };
const insecure = "--insecure";
const sshTrue = "tsh ssh … true";

function row(
  what: string,
  figures: { ours: number; kubectl: number; official?: number | undefined },
  limit: number,
  recorded: string,
): Row {
  const { ours, official } = figures;
  const peer = { what: "kubectl version", value: figures.kubectl };
  return { what, unit: "ms", ours, peer, goal: { at: "most", limit }, recorded, official };
}

/** Commands that reach nothing; the reference's `tsh status` asks its cluster. */
export async function measureLocalCommands(bench: Bench): Promise<Row[]> {
  const reference = await bench.reference();
  const ms = await compareCommands(
    {
      kubectl,
      version: await bench.our("tsh", "version"),
      status: await bench.our("tsh", "status"),
      admin: await bench.our("tctl", "version"),
      officialVersion: reference?.tsh("version", "--client"),
      officialStatus: reference?.tsh("status"),
      officialAdmin: reference?.admin("version"),
    },
    15,
  );
  const peer = ms.kubectl;
  return [
    row(
      "tsh version",
      { ours: ms.version, kubectl: peer, official: ms.officialVersion },
      0.9,
      "59 ms, 1.2×",
    ),
    row(
      "tsh status",
      { ours: ms.status, kubectl: peer, official: ms.officialStatus },
      0.9,
      "96 ms, 1.9×",
    ),
    row(
      "tctl version",
      { ours: ms.admin, kubectl: peer, official: ms.officialAdmin },
      0.9,
      "35 ms, 0.7×",
    ),
  ];
}

/**
 * Commands that reach the cluster, through the agent process and without one. Both servers start the account's shell
 * plain: what its start-up files do can take longer than everything that is measured.
 */
export async function measureClusterCommands(bench: Bench): Promise<Row[]> {
  const ls = await bench.our("tsh", "ls");
  const ssh = await bench.our("tsh", "ssh", `root@${nodename}`, "true");
  const reference = await bench.reference();
  const warm = await compareCommands(
    {
      kubectl,
      ls,
      ssh,
      officialLs: reference?.tsh("ls"),
      officialSsh: reference?.tsh("ssh", reference.host, "true"),
    },
    11,
  );
  const before = () => bench.endAgent();
  const cold = await compareCommands(
    { kubectl, ls: { ...ls, before }, ssh: { ...ssh, before } },
    7,
  );
  const { cluster } = await bench.workplace();
  const roles = await compareCommands(
    {
      kubectl,
      get: await bench.our("tctl", `--data-dir=${cluster.dataDir}`, "get", "roles"),
      official: reference?.admin("get", "roles"),
    },
    7,
  );
  return [
    row(
      "tsh ls, agent warm",
      { ours: warm.ls, kubectl: warm.kubectl, official: warm.officialLs },
      1.1,
      "71 ms, 1.4×",
    ),
    row(
      "tsh ls, no agent",
      { ours: cold.ls, kubectl: cold.kubectl, official: warm.officialLs },
      2.2,
      "71 ms, 1.4×",
    ),
    row(
      `${sshTrue}, agent warm`,
      {
        ours: warm.ssh,
        kubectl: warm.kubectl,
        official: warm.officialSsh,
      },
      2.0,
      "255 ms, 5.1×",
    ),
    row(
      `${sshTrue}, no agent`,
      { ours: cold.ssh, kubectl: cold.kubectl, official: warm.officialSsh },
      3.0,
      "255 ms, 5.1×",
    ),
    row(
      "tctl get roles",
      { ours: roles.get, kubectl: roles.kubectl, official: roles.official },
      2.2,
      "55 ms, 1.1×",
    ),
  ];
}

/** `tsh login` with password and one-time code, as several people: each code is good once. */
export async function measureLogin(bench: Bench): Promise<Row[]> {
  const { cluster } = await bench.workplace();
  const machine = await cluster.machine("LOGIN001", { tpm: false });
  const times: number[] = [];
  const people = await Promise.all(
    ["a", "b", "c"].map((name) => cluster.addUser(`login-${name}`, ["access"])),
  );
  const turns = [...people, ...people, ...people];
  const login: Command = { ...(await bench.our("tsh")), env: machine.env };
  const peers: number[] = [];
  for (const { name, codes } of turns) {
    const args = ["login", `--proxy=${cluster.proxy}`, `--user=${name}`, insecure];
    const input = async () => `${password}\n${await codes.next()}\n`;
    const { ours, peer } = await compareCommands(
      { ours: { ...login, args, input }, peer: kubectl },
      1,
      false,
    );
    times.push(ours);
    peers.push(peer);
    await machine.tsh("logout");
  }
  const official = await measureOfficialLogin(bench, turns.length);
  const figures = { ours: median(times), kubectl: median(peers), official };
  return [row("tsh login", figures, 4, "231–271 ms, 5×")];
}

/** The same at the reference, where the person sits at a terminal that answers at once. */
async function measureOfficialLogin(bench: Bench, rounds: number): Promise<number | undefined> {
  const reference = await bench.reference();
  if (reference === undefined) return undefined;
  const machine = await reference.server.machine("LOGIN001", { tpm: false });
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const person = await reference.server.addUser(`login-${round}`, ["access"]);
    times.push(await reference.logIn(person, machine));
    await timeCommand({ ...reference.tsh("logout"), env: reference.environmentOf(machine) });
  }
  return median(times);
}
