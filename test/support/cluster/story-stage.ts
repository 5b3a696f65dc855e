/**
 * Plays stories (`story.ts`): real programs on real machines with virtual TPMs. The cluster asks for no second factor, so
 * that people may log in as often as a story wants.
 */
import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { findDifference } from "../../../tools/guide/compare.ts";
import { type Cluster, password } from "../cluster.ts";
import { withTpm } from "../real-tpm-key.ts";
import { clearTpm } from "../tpm-provisioning.ts";
import type { Machine } from "./machine.ts";
import { type Snapshot, startFrom, takeSnapshot } from "./snapshots.ts";
import type { Story, StoryStep } from "./story.ts";

/** The address of the cluster in stories. */
const proxyName = "teleport.example.com";

/** What tsh says of machines whose hardware is that of a test. */
const simulatedHardware = /^WARNING: GATEHOUSE_TPM .*\n/m;

type Happening = (...words: readonly string[]) => void | Promise<void>;

/** The machines of one story. */
export class StoryStage {
  readonly #cluster: Cluster;
  readonly #title: string;
  readonly #machines = new Map<string, Machine>();
  readonly #snapshots = new Map<string, Snapshot>();
  /** The enrollment token that was printed last. */
  #token = "";

  constructor(cluster: Cluster, title: string) {
    this.#cluster = cluster;
    this.#title = title;
  }

  /** Plays the story to its end. Throws what a command printed or did otherwise than the story says. */
  async play({ steps }: Story): Promise<void> {
    const problems: string[] = [];
    for (const step of steps) {
      if (step.kind === "happening") await this.#befall(step.text);
      else problems.push(...(await this.#type(step)));
    }
    assert.equal(problems.join("\n"), "");
  }

  async #befall(text: string): Promise<void> {
    for (const [pattern, happen] of this.#happenings) {
      const match = pattern.exec(text);
      if (match) return happen(...match.slice(1));
    }
    throw new SyntaxError(`nobody knows how this happens: ${text}`);
  }

  /** What can happen to machines, in the words of stories. */
  readonly #happenings: readonly (readonly [RegExp, Happening])[] = [
    [
      /^(\w+) has enrolled (\w+), asset tag (\w+)\.$/,
      async (person = "", name = "", tag = "") => {
        await this.#addMachine(name, tag);
        await this.#run(name, `tsh login --proxy=${proxyName} --user=${person}`);
        await this.#run("auth", `tctl devices add --os=linux --asset-tag=${tag} --enroll`);
        const { code, shown } = await this.#run(name, "tsh device enroll --token=TOKEN");
        assert.equal(code, 0, shown);
      },
    ],
    [
      /^\w+ starts (\w+), asset tag (\w+)\.$/,
      async (name = "", tag = "") => void (await this.#addMachine(name, tag)),
    ],
    [/^(\w+) starts again\.$/, (name = "") => this.#restart(name)],
    [
      /^(\w+): the TPM is cleared in the firmware set-up\.$/,
      async (name = "") => {
        await this.#restart(name);
        const { tpm } = this.#machine(name);
        await withTpm(tpm ?? assert.fail(`${name} has no TPM`), (client) => client.run(clearTpm()));
      },
    ],
    [
      /^(\w+): the firmware set-up gives it the asset tag (\w+)\.$/,
      (name = "", tag = "") => this.#machine(name).writeFirmware("chassis_asset_tag", tag),
    ],
    [
      /^The disk of (\w+) is copied into (\w+), asset tag (\w+)\.$/,
      async (from = "", to = "", tag = "") =>
        this.#machine(from).copyHomeTo(await this.#addMachine(to, tag)),
    ],
    [
      /^(\w+) is installed anew: an empty disk, the same TPM\.$/,
      async (name = "") => {
        await this.#restart(name);
        const { home } = this.#machine(name);
        rmSync(home, { recursive: true });
        mkdirSync(home, { mode: 0o700 });
      },
    ],
    [
      /^(\w+) is cloned, with its virtual TPM, into (\w+)\.$/,
      async (from = "", to = "") => {
        const snapshot = await takeSnapshot(this.#machine(from), to);
        this.#machines.set(to, await startFrom(this.#cluster, snapshot, this.#nameOf(to)));
      },
    ],
    [
      /^A snapshot of (\w+) is taken\.$/,
      async (name = "") => {
        this.#snapshots.set(name, await takeSnapshot(this.#machine(name), "past"));
      },
    ],
    [
      /^(\w+) is put back to the snapshot\.$/,
      async (name = "") => {
        await this.#restart(name);
        await this.#machine(name).tpm?.stop();
        const past = this.#snapshots.get(name) ?? assert.fail(`${name} has no snapshot`);
        const folder = this.#nameOf(`${name}-restored`);
        this.#machines.set(name, await startFrom(this.#cluster, past, folder));
      },
    ],
  ];

  async #type(step: Extract<StoryStep, { kind: "command" }>): Promise<string[]> {
    const { code, shown } = await this.#run(step.machine, step.line);
    const difference = findDifference(step.shown, shown.split("\n"));
    const fails = step.shown.some((line) => line.startsWith("ERROR: "));
    const expected = fails ? code !== 0 : code === 0;
    const problems = [
      ...(difference === undefined ? [] : [difference]),
      ...(expected ? [] : [`it ended with ${code}`]),
    ];
    const typed = `${step.person}@${step.machine}$ ${step.line}`;
    return problems.map((problem) => `${typed}\n${problem}`);
  }

  /** Runs a line as the shell of the person would, with the names of the story for what differs from run to run. */
  async #run(
    name: string,
    line: string,
  ): Promise<{ readonly code: number; readonly shown: string }> {
    const { proxy, dataDir, host } = this.#cluster;
    const machine = name === "auth" ? host : this.#machine(name);
    const command = line
      .replaceAll(proxyName, `${proxy} --insecure`)
      .replaceAll("TOKEN", this.#token)
      .replaceAll(/(^|\| )tctl /g, `$1tctl --data-dir=${dataDir} `);
    const stdin = line.startsWith("tsh login") ? `${password}\n` : "";
    const { code, shown } = await machine.run("sh", ["-c", command], { stdin });
    this.#token = /^The enrollment token: (\S+)$/m.exec(shown)?.[1] ?? this.#token;
    const named = shown.replaceAll(proxy, `${proxyName}:443`).replace(simulatedHardware, "");
    return { code, shown: this.#token === "" ? named : named.replaceAll(this.#token, "TOKEN") };
  }

  /** The machine is switched off and on: what programs held in memory is gone. */
  async #restart(name: string): Promise<void> {
    await this.#machine(name).endAgent();
  }

  async #addMachine(name: string, tag: string): Promise<Machine> {
    const machine = await this.#cluster.machine(tag, { name: this.#nameOf(name) });
    this.#machines.set(name, machine);
    return machine;
  }

  #machine(name: string): Machine {
    return this.#machines.get(name) ?? assert.fail(`the story has no machine ${name}`);
  }

  /** Several stories play in one cluster, and have machines of the same name. */
  #nameOf(machine: string): string {
    return `${this.#title.replaceAll(/\W+/g, "-")}-${machine}`;
  }
}
