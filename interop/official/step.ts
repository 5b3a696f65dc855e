/** What the script consists of: named steps, each of which drives the official programs and looks at what they did. */
import type { Ran } from "../../test/support/cluster/machine.ts";
import type { Cluster, Person } from "../../test/support/cluster.ts";
import type { OfficialComputer } from "./computer.ts";

/** Everything that steps work with. Steps run in order and build on one another. */
export interface Stage {
  readonly cluster: Cluster;
  /** The first administrator. */
  readonly person: Person;
  /** Their computer, without a TPM. */
  readonly desk: OfficialComputer;
  /** A second computer with a virtual TPM, on which nobody has logged in yet. */
  readonly laptop: OfficialComputer;
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

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, "    | ");
}
