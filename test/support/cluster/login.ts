/** People at their machines, as most end-to-end tests need them: logged in, with or without an enrolled device. */
import assert from "node:assert/strict";
import type { Cluster, Person } from "../cluster.ts";
import type { RunningTpm } from "../swtpm.ts";
import type { Machine } from "./machine.ts";

/** Who logs in, and where. */
export interface LoginWish {
  readonly serial: string;
  readonly name: string;
  readonly roles: readonly string[];
  /** False: the machine has none. */
  readonly tpm?: boolean | RunningTpm;
  /** Its firmware logs what it measures. */
  readonly logsBoots?: boolean;
  /** Enrolls the machine, too. */
  readonly enroll?: boolean;
}

/** A person who is logged in. */
export interface AtMachine {
  readonly machine: Machine;
  readonly person: Person;
}

/** A new user at a new machine. */
export async function logInAt(cluster: Cluster, wish: LoginWish): Promise<AtMachine> {
  const { serial, tpm = true, logsBoots = false } = wish;
  const machine = await cluster.machine(serial, { tpm, logsBoots });
  const person = await cluster.addUser(wish.name, wish.roles);
  const login = await cluster.login(machine, person);
  assert.equal(login.code, 0, login.shown);
  if (wish.enroll) await enroll(machine);
  return { machine, person };
}

/** Enrolls the machine for the person who is logged in there. */
export async function enroll(machine: Machine): Promise<void> {
  const ran = await machine.tsh("device", "enroll", "--current-device");
  assert.equal(ran.code, 0, ran.shown);
}

/** The person at the machine reaches the account on the node. */
export async function assertOpens(machine: Machine, target: string): Promise<void> {
  const opened = await machine.tsh("ssh", target, "echo inside");
  assert.deepEqual([opened.stdout, opened.code], ["inside\n", 0], opened.stderr);
}

/** What the cluster demands of everybody's device. */
export async function storeDeviceMode(cluster: Cluster, mode: string): Promise<void> {
  await cluster.store(
    `kind: cluster_auth_preference\nversion: v2\nspec:\n  device_trust:\n    mode: ${mode}\n`,
  );
}
