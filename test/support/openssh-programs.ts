/** Runs OpenSSH's programs against a port of this machine, with keys and authorities of a test. */
import { type SpawnOptions, spawn } from "node:child_process";
import { join } from "node:path";
import { formatAuthorizedKey } from "#ssh/public-key.ts";
import { KeyFolder, type TestKey } from "./ssh-keys.ts";

export interface ProgramResult {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs a program to its end. */
export function runProgram(
  program: string,
  args: readonly string[],
  input: Buffer | string = "",
  more: SpawnOptions = {},
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    const child = spawn(program, [...args], { ...more, stdio: "pipe" });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout?.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => err.push(chunk));
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
    child.on("close", (code) =>
      resolve({ code, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() }),
    );
  });
}

/** Options and files for `ssh` and its relatives. */
export class OpenSsh {
  readonly folder = new KeyFolder();
  readonly port: number;
  readonly #knownHosts: string;

  constructor(port: number, hostAuthority: Uint8Array) {
    this.port = port;
    const line = `@cert-authority * ${formatAuthorizedKey(hostAuthority)}\n`;
    this.#knownHosts = this.folder.write("known_hosts", line);
  }

  /** Writes a key with its certificate; returns the name to use it by. */
  addKey(name: string, { key, certificate }: { key: TestKey; certificate: Uint8Array }): string {
    this.folder.writeKey(name, key, certificate);
    return name;
  }

  /** Options that `ssh`, `scp` and `sftp` understand. */
  options(key: string): string[] {
    return [
      ...["-F", "none", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"],
      ...["-o", "IdentitiesOnly=yes", "-i", join(this.folder.path, key)],
      ...["-o", `UserKnownHostsFile=${this.#knownHosts}`],
      ...["-o", "GlobalKnownHostsFile=none", "-o", "StrictHostKeyChecking=yes"],
      ...["-o", `Port=${this.port}`],
    ];
  }

  /** The arguments of `ssh` for an account and a command. The first value of an option wins. */
  sshArguments(args: readonly string[], { key = "id", account = "root" } = {}): string[] {
    const own = args.slice(0, -1);
    const command = args.at(-1) ?? "";
    const words = command === "" ? [] : [command];
    return [...own, ...this.options(key), `${account}@127.0.0.1`, ...words];
  }

  /** Runs `ssh` with options and a command, the last of `args`. */
  ssh(
    args: readonly string[],
    { input = "", ...who }: { input?: Buffer | string; key?: string; account?: string } = {},
    more: SpawnOptions = {},
  ): Promise<ProgramResult> {
    return runProgram("ssh", this.sshArguments(args, who), input, more);
  }

  remove(): void {
    this.folder.remove();
  }
}
