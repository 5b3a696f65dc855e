/** Runs all steps against a cluster of our own and gives the verdicts. */
import { Cluster } from "../../test/support/cluster.ts";
import { judge, type Verdict } from "../known-differences.ts";
import { OfficialComputer, type OfficialPrograms } from "./computer.ts";
import type { Stage, Step } from "./step.ts";
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

const steps: readonly Step[] = [
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

/** Runs the steps whose names match `only`; login always runs, because everything builds on it. */
export async function runOfficial(
  programs: OfficialPrograms,
  only: RegExp,
  report: (row: Row) => void,
): Promise<readonly Row[]> {
  const cluster = await Cluster.start({ user: "alice", logins: ["root"] });
  const computers: OfficialComputer[] = [];
  try {
    const person = await cluster.acceptInvitation();
    const desk = await OfficialComputer.start(cluster, programs, "DESK0001", { tpm: false });
    computers.push(desk);
    const laptop = await OfficialComputer.start(cluster, programs, "LAPTOP01", { tpm: true });
    computers.push(laptop);
    const stage: Stage = { cluster, person, desk, laptop };
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
    verdict: judge(step.name, passed),
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
