/**
 * A person's computer in a test: its own home, profile, agent socket, firmware data and TPM. Programs run as real child
 * processes with an environment of nothing else.
 */
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { stopAgent } from "#client/agent/client.ts";
import { agentPlace } from "#client/agent/place.ts";
import {
  createVendor,
  manufactureTpm,
  type RunningTpm,
  removeTpms,
  startTpm,
  type TestVendor,
} from "../swtpm.ts";
import { Terminal } from "./terminal.ts";

/** The programs of this checkout. */
export const checkoutPrograms = fileURLToPath(new URL("../../../bin", import.meta.url));
const hungMs = 60_000;

/** What a program did. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, in the order in which they came. */
  readonly shown: string;
}

/** How a program runs. */
export interface RunOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
}

let vendor: Promise<TestVendor> | undefined;

/** A TPM fresh from the factory, with an endorsement certificate. */
export async function newTpm(): Promise<RunningTpm> {
  vendor ??= createVendor("machines");
  return startTpm((await manufactureTpm(await vendor)).stateDir);
}

/** Stops all TPMs and removes their files. */
export async function discardTpms(): Promise<void> {
  vendor = undefined;
  await removeTpms();
}

/** What stands behind the operating system of a machine. */
interface MachineFirmware {
  /** Undefined for a machine without one. */
  readonly tpm?: RunningTpm | undefined;
  /** It measures its boots and keeps a log of them: see `bootMachine`. */
  readonly logsBoots?: boolean;
}

/** One computer. */
export class Machine {
  readonly folder: string;
  /** What the firmware calls it. */
  readonly serial: string;
  readonly env: Readonly<Record<string, string>>;
  /** Its virtual TPM, if it has one. */
  readonly tpm: RunningTpm | undefined;

  /** `programs` is the folder of tsh and tctl. */
  constructor(folder: string, serial: string, programs: string, firmware: MachineFirmware = {}) {
    const { tpm, logsBoots } = firmware;
    this.folder = folder;
    this.serial = serial;
    this.tpm = tpm;
    for (const name of ["home", "run", "dmi"]) {
      mkdirSync(join(folder, name), { recursive: true, mode: 0o700 });
    }
    const dmi = {
      product_name: "Test Machine",
      product_serial: serial,
      board_serial: `board-of-${serial}`,
      chassis_asset_tag: serial,
    };
    for (const [name, value] of Object.entries(dmi)) this.writeFirmware(name, value);
    const home = join(folder, "home");
    this.env = {
      PATH: [programs, process.env["PATH"]].join(delimiter),
      HOME: home,
      USER: userInfo().username,
      TZ: "UTC",
      LANG: "C.UTF-8",
      TERM: "xterm",
      TELEPORT_HOME: join(home, ".tsh"),
      XDG_STATE_HOME: join(home, "state"),
      XDG_RUNTIME_DIR: join(folder, "run"),
      // An agent that outlives a broken run ends soon.
      GATEHOUSE_AGENT_IDLE: "2m",
      GATEHOUSE_DMI_DIR: join(folder, "dmi"),
      ...(logsBoots ? { GATEHOUSE_EVENT_LOG: join(folder, "event-log") } : {}),
      GATEHOUSE_TPM: tpm ? `swtpm:unix:${tpm.socket}` : `device:${join(folder, "no-tpm")}`,
    };
  }

  /** Sets what the firmware says: a name of `/sys/class/dmi/id`, such as `chassis_asset_tag`. */
  writeFirmware(name: string, value: string): void {
    writeFileSync(join(this.folder, "dmi", name), `${value}\n`);
  }

  get home(): string {
    return join(this.folder, "home");
  }

  /** The profile folder of tsh. */
  get profile(): string {
    return join(this.home, ".tsh");
  }

  /** Runs a program to its end. A program that hangs is killed, with code -1. */
  run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const child = spawn(program, args, {
      cwd: this.home,
      env: { ...this.env, ...options.env },
      timeout: hungMs,
      killSignal: "SIGKILL",
    });
    const output = { stdout: "", stderr: "", shown: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (text: string) => {
        output[name] += text;
        output.shown += text;
      });
    }
    // A program that asks nothing may be gone before its stdin is written.
    child.stdin.on("error", () => {});
    child.stdin.end(options.stdin ?? "");
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve({ code: code ?? -1, ...output }));
    });
  }

  tsh(...args: string[]): Promise<Ran> {
    return this.run("tsh", args);
  }

  tctl(...args: string[]): Promise<Ran> {
    return this.run("tctl", args);
  }

  /** Opens a program in a terminal. */
  open(program: string, ...args: string[]): Terminal {
    return new Terminal([program, ...args], this.home, this.env);
  }

  /** Writes an executable script into the home; gives its path. An editor in tests is such a script. */
  script(name: string, text: string): string {
    const path = join(this.home, name);
    writeFileSync(path, text, { mode: 0o755 });
    return path;
  }

  /** What a thief takes along: the whole home, profile and state included. */
  copyHomeTo(other: Machine): void {
    cpSync(this.home, other.home, { recursive: true });
  }

  /** Ends the agent: the next command authenticates the device anew. */
  endAgent(): Promise<void> {
    return stopAgent(agentPlace(this.profile, this.env));
  }

  /** Ends the agent and removes every file. */
  async close(): Promise<void> {
    await this.endAgent();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
