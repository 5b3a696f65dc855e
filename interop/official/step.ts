/** What the script consists of: named steps, each of which drives the clients and looks at what they did. */
import { setTimeout as wait } from "node:timers/promises";
import type { Machine, Ran } from "../../test/support/cluster/machine.ts";
import type { Person } from "../../test/support/cluster.ts";
import type { Computer } from "./computer.ts";
import type { Sides } from "./programs.ts";

/** A running cluster, ours or one of the official server, as far as steps need it. */
export interface JudgedCluster {
  /** The host name of its one SSH server, which is the name of the cluster as well. */
  readonly nodename: string;
  /** `host:port` that people type. */
  readonly proxy: string;
  readonly port: number;
  /** The port that its SSH server says it listens on; OpenSSH is to be told when it is not the usual one. */
  readonly sshPort?: number;
  /** A person's computer. */
  machine(serial: string, options: { readonly tpm: boolean }): Promise<Machine>;
  /** The first administrator sets their password and their authenticator app up. */
  acceptInvitation(): Promise<Person>;
  /** Another person, who may log in as root on servers. */
  addUser(name: string, roles: readonly string[]): Promise<Person>;
  /** Runs tctl on the auth host; throws when it fails. Gives stdout. */
  admin(...args: string[]): Promise<string>;
  /** Stores resources given as YAML. */
  store(yaml: string): Promise<void>;
  close(): Promise<void>;
}

/** Everything that steps work with. Steps run in order and build on one another. */
export interface Stage {
  /** Who made the clients and the server: their layouts are the same, their sentences are not. */
  readonly sides: Sides;
  readonly cluster: JudgedCluster;
  /** The first administrator. */
  readonly person: Person;
  /** Their computer, without a TPM. */
  readonly desk: Computer;
  /** A second computer with a virtual TPM, on which nobody has logged in yet. */
  readonly laptop: Computer;
}

/** One row of the table. */
export interface Step {
  readonly name: string;
  run(stage: Stage): Promise<void>;
}

/** A step that did not go as it should; the text is shown below the table. */
export class Surprise extends Error {}

/** What is expected of a command. */
export interface Expectation {
  readonly code?: number;
  /** Must all be found in what was shown. */
  readonly shows?: readonly (RegExp | string)[];
  /** Must not be found there. */
  readonly hides?: readonly (RegExp | string)[];
}

/** Colours (ECMA-48 section 8.3.117). */
const colours = /\x1b\[[0-9;]*m/g;

/** Compares what a command did with what is expected of it; throws {@link Surprise}. */
export function expectRan(
  ran: Pick<Ran, "code" | "shown"> | { readonly code: number; readonly screen: string },
  { code = 0, shows = [], hides = [] }: Expectation = {},
): void {
  const text = ("screen" in ran ? ran.screen : ran.shown).replaceAll(colours, "");
  const found = (wanted: RegExp | string) =>
    typeof wanted === "string" ? text.includes(wanted) : wanted.test(text);
  const problems = [
    ran.code === code ? undefined : `exit code ${ran.code}, not ${code}`,
    ...shows.filter((wanted) => !found(wanted)).map((wanted) => `does not show ${wanted}`),
    ...hides.filter((wanted) => found(wanted)).map((wanted) => `shows ${wanted}`),
  ].filter((problem) => problem !== undefined);
  if (problems.length > 0) throw new Surprise(`${problems.join("; ")}\n${indent(text)}`);
}

/** Throws {@link Surprise} unless a fact holds. */
export function expectThat(fact: boolean, text: string): void {
  if (!fact) throw new Surprise(text);
}

/** How long a write may take until everybody sees it: the official server reads from a cache that follows. */
const settleMs = 5000;

/** Repeats what may be true only soon; throws its last surprise when it never is. */
export async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + settleMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Surprise) || Date.now() > deadline) throw error;
      await wait(100);
    }
  }
}

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, "    | ");
}
