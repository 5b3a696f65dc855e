/**
 * Plays a transcript of the guide against a cluster of its own: one process with auth, proxy and SSH server, and one
 * machine with a virtual TPM (swtpm). Every line that the programs print is shown and compared.
 */
import { readFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import type { Machine, Ran } from "../../test/support/cluster/machine.ts";
import { Cluster, canNameHosts, type Person, password } from "../../test/support/cluster.ts";
import { findDifference } from "./compare.ts";
import { type Command, parseTranscript } from "./transcript.ts";

/** The versions of the guide. */
export const guides = ["v14", "v13"] as const;
export type Guide = (typeof guides)[number];

/** The addresses and names of the guide. */
const proxyName = "teleport.example.com";
const nodename = "ip-172-31-35-170";
const assetTag = "C00AA0AAAA0A";

interface Stage {
  readonly cluster: Cluster;
  readonly machine: Machine;
  readonly person: Person;
  readonly print: (line: string) => void;
}

/** Plays one guide. Gives what was different from the transcript; nothing when all was as it should be. */
export async function playGuide(guide: Guide, print: (line: string) => void): Promise<string[]> {
  const file = new URL(`${guide}.transcript`, import.meta.url);
  const steps = parseTranscript(localize(readFileSync(file, "utf8")));
  const cluster = await Cluster.start({
    nodename,
    cluster: proxyName,
    logins: [userInfo().username, "ubuntu", "ec2-user"],
  });
  const problems: string[] = [];
  try {
    const machine = await cluster.machine(assetTag);
    const stage = { cluster, machine, person: await cluster.acceptInvitation(), print };
    for (const step of steps) {
      if (step.kind === "heading") print(`\n== ${step.text}`);
      else if (step.kind === "narration") print(`   ${step.text}`);
      else if (step.kind === "command") problems.push(...(await playCommand(step, stage)));
    }
  } finally {
    await cluster.close();
  }
  return problems;
}

/** The guide logs in as root on a machine of its own; elsewhere the account and the prompt are those of this machine. */
function localize(text: string): string {
  const { username, uid } = userInfo();
  const account = text.replaceAll(/\broot\b/g, username);
  const prompt = uid === 0 ? account : account.replaceAll(":~# ", ":~$ ");
  return canNameHosts() ? prompt : prompt.replaceAll(`@${nodename}:~`, `@${hostname()}:~`);
}

async function playCommand(command: Command, stage: Stage): Promise<string[]> {
  const { print, cluster } = stage;
  const line = command.line.replaceAll(proxyName, cluster.proxy);
  print(`$ ${line}`);
  const ran = isShell(command)
    ? await playShell(command, stage)
    : await playLine(line, command, stage);
  print("");
  const named = (text: string) => text.replaceAll(cluster.proxy, `${proxyName}:443`).split("\n");
  const differences = [
    findDifference(command.stdout, named(ran.stdout)),
    findDifference(command.stderr, named(ran.stderr)),
    ran.code === command.exit ? undefined : `expected exit code ${command.exit}, not ${ran.code}`,
  ];
  return differences.filter((text) => text !== undefined).map((text) => `$ ${line}\n${text}`);
}

/** A shell on a server: a terminal, because the person types there. */
function isShell({ line, typed }: Command): boolean {
  return typed.length > 0 && line.startsWith("tsh ssh ");
}

async function playShell({ line, typed }: Command, { machine, print }: Stage): Promise<Ran> {
  const terminal = machine.open("sh", "-c", line);
  let seen = 0;
  for (const keys of typed) {
    // A program that ends without a prompt shows so in the comparison.
    if (!(await terminal.shows(/[#$] $/, seen))) break;
    seen = terminal.screen.length;
    terminal.type(`${keys}\r`);
  }
  const code = await terminal.end();
  const stdout = terminal.screen;
  show(stdout, print);
  return { code, stdout, stderr: "", shown: stdout };
}

async function playLine(line: string, { edit }: Command, stage: Stage): Promise<Ran> {
  const { machine, person, print } = stage;
  const asksForLogin = /\btsh login\b/.test(line);
  const stdin = asksForLogin ? `${password}\n${await person.codes.next()}\n` : "";
  const editor = edit === undefined ? undefined : machine.script("editor", editorScript(edit));
  const env: Record<string, string> = editor === undefined ? {} : { EDITOR: editor };
  const ran = await machine.run("sh", ["-c", line], { stdin, env });
  if (edit !== undefined) {
    const changes = await machine.run("cat", ["changes"]);
    show(changes.stdout, (text) => print(`  | ${text}`));
  }
  show(ran.shown, print);
  return ran;
}

/** An editor that makes one change and notes it as the guide shows it: "+" before each new line. */
function editorScript(program: string): string {
  return [
    "#!/bin/sh",
    'cp "$1" "$1.before"',
    `sed -i '${program.replaceAll("'", "'\\''")}' "$1"`,
    `diff -U0 "$1.before" "$1" | grep '^[+-] ' > "$HOME/changes"`,
    'rm "$1.before"',
    "",
  ].join("\n");
}

function show(text: string, print: (line: string) => void): void {
  if (text === "") return;
  for (const line of text.replace(/\n+$/, "").split("\n")) print(line);
}
