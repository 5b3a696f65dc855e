/**
 * Real software TPMs (swtpm) for tests: manufactured once per process with endorsement certificates of a test authority,
 * then copied for every test that wants one. Needs the Debian packages swtpm and swtpm-tools.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The authority that signs endorsement certificates of manufactured TPMs. */
export interface TestVendor {
  readonly dir: string;
  /** PEM of the authority that signs endorsement certificates, and of its root. */
  readonly issuerPem: string;
  readonly issuerKeyFile: string;
  readonly issuerFile: string;
}

/** State of a TPM fresh from the factory. */
export interface ManufacturedTpm {
  readonly stateDir: string;
  readonly vendor: TestVendor;
}

/** A running TPM. */
export interface RunningTpm {
  /** Unix socket that takes TPM commands. */
  readonly socket: string;
  readonly stateDir: string;
  /** Stops it by SIGTERM, or as a power cut would with SIGKILL, and keeps the state. */
  stop(signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
}

let scratch: Promise<string> | undefined;
const running = new Set<RunningTpm>();

/** A folder that is removed when the process ends. */
function scratchDir(): Promise<string> {
  scratch ??= mkdtemp(join(tmpdir(), "gatehouse-tpm-"));
  return scratch;
}

/** Stops every TPM that a failed test left running, and removes all files. Call from `after`. */
export async function removeTpms(): Promise<void> {
  await Promise.all([...running].map((tpm) => tpm.stop()));
  const dir = await scratch;
  scratch = undefined;
  if (dir !== undefined) await rm(dir, { recursive: true, force: true });
}

/** Sets up an authority of its own for endorsement certificates. */
export async function createVendor(name: string): Promise<TestVendor> {
  const dir = join(await scratchDir(), `vendor-${name}`);
  await mkdir(dir, { recursive: true });
  const issuerKeyFile = join(dir, "signkey.pem");
  const issuerFile = join(dir, "issuercert.pem");
  await writeFile(
    join(dir, "localca.conf"),
    [
      `statedir = ${dir}`,
      `signingkey = ${issuerKeyFile}`,
      `issuercert = ${issuerFile}`,
      `certserial = ${join(dir, "certserial")}`,
      "",
    ].join("\n"),
  );
  await writeFile(
    join(dir, "localca.options"),
    "--platform-manufacturer Gatehouse\n--platform-version 1.0\n--platform-model Test\n",
  );
  await writeFile(
    join(dir, "setup.conf"),
    [
      "create_certs_tool = /usr/bin/swtpm_localca",
      `create_certs_tool_config = ${join(dir, "localca.conf")}`,
      `create_certs_tool_options = ${join(dir, "localca.options")}`,
      "active_pcr_banks = sha256",
      "",
    ].join("\n"),
  );
  // The first manufacture makes the authority.
  const first = join(dir, "first");
  await manufactureInto(first, dir, "sha256");
  const issuerPem = await readFile(issuerFile, "utf8");
  return { dir, issuerPem, issuerKeyFile, issuerFile };
}

let made = 0;

/** Manufactures a TPM with an RSA endorsement certificate of the vendor, or none. Takes most of a second. */
export async function manufactureTpm(
  vendor: TestVendor,
  { banks = "sha1,sha256", certificate = true } = {},
): Promise<ManufacturedTpm> {
  const stateDir = join(await scratchDir(), `factory-${made++}`);
  await manufactureInto(stateDir, vendor.dir, banks, certificate);
  return { stateDir, vendor };
}

async function manufactureInto(
  stateDir: string,
  vendorDir: string,
  banks: string,
  certificate = true,
): Promise<void> {
  await mkdir(stateDir, { recursive: true });
  await run("swtpm_setup", [
    "--tpm2",
    "--tpmstate",
    stateDir,
    ...(certificate ? ["--create-ek-cert"] : []),
    "--pcr-banks",
    banks,
    "--config",
    join(vendorDir, "setup.conf"),
    "--overwrite",
  ]);
}

/** Starts a TPM on a copy of the given state, or on that state itself. Ready when it answers. */
export async function startTpm(
  stateDir: string,
  { copy = true }: { readonly copy?: boolean } = {},
): Promise<RunningTpm> {
  const dir = copy ? join(await scratchDir(), `tpm-${made++}`) : stateDir;
  if (copy) await copyTpmState(stateDir, dir);
  const socket = join(await scratchDir(), `s${made++}`);
  const child = spawn(
    "swtpm",
    [
      "socket",
      "--tpm2",
      "--tpmstate",
      `dir=${dir}`,
      "--server",
      `type=unixio,path=${socket}`,
      "--ctrl",
      `type=unixio,path=${socket}.ctrl`,
      "--flags",
      "not-need-init,startup-clear",
    ],
    { stdio: "ignore" },
  );
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const killAtExit = () => void child.kill("SIGKILL");
  process.once("exit", killAtExit);
  await untilListening(socket, child);
  const tpm: RunningTpm = {
    socket,
    stateDir: dir,
    async stop(signal = "SIGTERM") {
      process.off("exit", killAtExit);
      running.delete(tpm);
      child.kill(signal);
      await ended;
    },
  };
  running.add(tpm);
  return tpm;
}

/** Copies the state of a stopped or running TPM: what a thief of a virtual machine's disk would have. */
export async function copyTpmState(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, filter: (file) => !file.endsWith(".lock") });
}

/** The socket file exists before it listens; a refused connection is tried again while the process lives. */
async function untilListening(socket: string, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    if (await canConnect(socket)) return;
    await wait(2);
  }
  throw new Error(`swtpm ended with ${child.exitCode}`);
}

function canConnect(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
}
