/** Runs all steps against a fresh cluster and gives the verdicts. */
import { Cluster } from "../../test/support/cluster.ts";
import { judge, type Verdict } from "../known-differences.ts";
import { Computer } from "./computer.ts";
import type { Clients, Sides } from "./programs.ts";
import { OfficialServer, type ServerPrograms } from "./server.ts";
import type { JudgedCluster, Stage, Step } from "./step.ts";
import { alertSteps } from "./steps/alerts.ts";
import { deviceSteps } from "./steps/devices.ts";
import { loginSteps } from "./steps/login.ts";
import { mfaSteps } from "./steps/mfa.ts";
import { opensshSteps } from "./steps/openssh.ts";
import { scpSteps } from "./steps/scp.ts";
import { sshSteps } from "./steps/ssh.ts";
import { tctlSteps } from "./steps/tctl.ts";
import { upgradeSteps } from "./steps/upgrade.ts";

/** One row of the table. */
export interface Row {
  readonly item: string;
  readonly verdict: Verdict;
  readonly ms: number;
  /** What went wrong. */
  readonly text?: string;
}

/** All steps, in order. */
export const steps: readonly Step[] = [
  ...loginSteps,
  ...sshSteps,
  ...scpSteps,
  ...opensshSteps,
  ...tctlSteps,
  ...deviceSteps,
  ...mfaSteps,
  ...upgradeSteps,
  ...alertSteps,
];

/** Without this one nothing else can be judged. */
const loginStep = "tsh login with password and one-time code";

/** What plays in a run. */
export interface Cast {
  readonly clients: Clients;
  /** Undefined: a cluster of ours. */
  readonly server: ServerPrograms | undefined;
}

/** Runs the steps whose names match `only`; login always runs, because everything builds on it. */
export async function runScript(
  { clients, server }: Cast,
  only: RegExp,
  report: (row: Row) => void,
): Promise<readonly Row[]> {
  const sides: Sides = { client: clients.maker, server: server ? "official" : "ours" };
  const cluster: JudgedCluster = server
    ? await OfficialServer.start(server)
    : await Cluster.start({ user: "alice", logins: ["root"] });
  const computers: Computer[] = [];
  try {
    const person = await cluster.acceptInvitation();
    const desk = await Computer.start(cluster, clients, "DESK0001", { tpm: false });
    computers.push(desk);
    const laptop = await Computer.start(cluster, clients, "LAPTOP01", { tpm: true });
    computers.push(laptop);
    const stage: Stage = { sides, cluster, person, desk, laptop };
    const rows: Row[] = [];
    for (const step of steps) {
      if (!only.test(step.name) && !loginSteps.includes(step)) continue;
      const row = await runStep(step, stage);
      rows.push(row);
      report(row);
      if (row.item === loginStep && row.verdict === "fails") break;
    }
    return rows;
  } finally {
    for (const computer of computers) computer.close();
    await cluster.close();
  }
}

async function runStep(step: Step, stage: Stage): Promise<Row> {
  const started = performance.now();
  const done = (passed: boolean, text?: string): Row => ({
    item: step.name,
    verdict: judge(step.name, stage.sides, passed),
    ms: Math.round(performance.now() - started),
    ...(text === undefined ? {} : { text }),
  });
  try {
    await step.run(stage);
    return done(true);
  } catch (error) {
    return done(false, error instanceof Error ? error.message : String(error));
  }
}
