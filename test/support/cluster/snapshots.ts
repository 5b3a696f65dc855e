/** Whole machines that are copied: what a hypervisor does with a virtual machine and its virtual TPM. */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Cluster } from "../cluster.ts";
import { copyTpmState, startTpm } from "../swtpm.ts";
import type { Machine } from "./machine.ts";

/** Disk and virtual TPM of a machine at one moment. */
export interface Snapshot {
  readonly serial: string;
  readonly home: string;
  readonly tpmState: string;
}

/** Takes a snapshot of a machine that goes on running. */
export async function takeSnapshot(machine: Machine, name: string): Promise<Snapshot> {
  const { tpm, serial } = machine;
  if (tpm === undefined) throw new Error("a machine without a virtual TPM has no snapshot");
  const folder = join(machine.folder, `snapshot-${name}`);
  const snapshot = { serial, home: join(folder, "home"), tpmState: join(folder, "tpm") };
  cpSync(machine.home, snapshot.home, { recursive: true });
  await copyTpmState(tpm.stateDir, snapshot.tpmState);
  return snapshot;
}

/** Starts a machine from a snapshot, which stays as it is. */
export async function startFrom(
  cluster: Cluster,
  { serial, home, tpmState }: Snapshot,
  name: string,
): Promise<Machine> {
  const machine = await cluster.machine(serial, { tpm: await startTpm(tpmState), name });
  rmSync(machine.home, { recursive: true });
  cpSync(home, machine.home, { recursive: true });
  return machine;
}
