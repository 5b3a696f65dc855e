/**
 * Serial numbers that only root may read: taken from what an earlier run kept, else read by a command under sudo and
 * kept. They do not change while the machine lives.
 */
import { execFile, spawn } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import * as z from "zod";
import { Fault } from "#base/fault.ts";
import type { DmiValues } from "../dmi.ts";
import { rootOnlySerialNumber } from "../serial-number.ts";

const text = z.string().max(256);
const schema = z.object({
  product_name: text,
  product_serial: text,
  board_serial: text,
  chassis_asset_tag: text,
});

/** The values as one JSON object: what `tsh device dmi-read` prints and what is kept. */
export function formatDmi(values: DmiValues): string {
  const document: z.infer<typeof schema> = {
    product_name: values.productName,
    product_serial: values.productSerial,
    board_serial: values.boardSerial,
    chassis_asset_tag: values.chassisAssetTag,
  };
  return JSON.stringify(document);
}

/** Reads what {@link formatDmi} wrote; throws `malformed` for anything else. */
export function parseDmi(json: string): DmiValues {
  try {
    const document = schema.parse(JSON.parse(json));
    return {
      productName: document.product_name,
      productSerial: document.product_serial,
      boardSerial: document.board_serial,
      chassisAssetTag: document.chassis_asset_tag,
    };
  } catch (cause) {
    throw new Fault("malformed", "the DMI values cannot be read", { cause });
  }
}

/** How to get at the values. */
export interface ProtectedDmiOptions {
  /** Where they are kept. */
  readonly cacheFile: string;
  /** Prints them as root, for example {@link sudoReader}. Undefined: never ask for more rights. */
  readonly readAsRoot?: (() => Promise<string>) | undefined;
}

/** The values from the file or from root; undefined when neither gives them. */
export async function readProtectedDmi(
  options: ProtectedDmiOptions,
): Promise<DmiValues | undefined> {
  const { cacheFile, readAsRoot } = options;
  const kept = await readFile(cacheFile, "utf8")
    .then(parseDmi)
    .catch(() => undefined);
  if (kept !== undefined || readAsRoot === undefined) return kept;
  const values = parseDmi(await readAsRoot());
  // Not being able to keep them costs a password prompt the next time, nothing more.
  await keep(cacheFile, values).catch(() => undefined);
  return values;
}

async function keep(cacheFile: string, values: DmiValues): Promise<void> {
  await mkdir(dirname(cacheFile), { recursive: true, mode: 0o700 });
  await writeFile(cacheFile, formatDmi(values), { mode: 0o600 });
}

const readTimeoutMs = 10_000;

/**
 * Runs a command that prints the values under sudo. `ask` lets sudo prompt on the terminal first. Throws `environment`
 * when sudo does not let it.
 */
export function sudoReader(
  command: readonly string[],
  { ask, sudo = "sudo" }: { readonly ask: boolean; readonly sudo?: string },
): () => Promise<string> {
  return async () => {
    try {
      if (ask) await runInteractively(sudo, "-v");
      const options = { timeout: readTimeoutMs };
      return (await promisify(execFile)(sudo, ["-n", ...command], options)).stdout;
    } catch (cause) {
      const hint = `allow your account to run it with sudo: sudo ${command.join(" ")}`;
      throw rootOnlySerialNumber(hint, cause);
    }
  };
}

function runInteractively(program: string, ...args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: "inherit" });
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Fault("environment", `${program} ended with ${code}`));
    });
  });
}
