/**
 * Files of Debian packages that are not installed: a kernel must not become one of this machine's. They are fetched by name with
 * apt, unpacked once, and kept beside the other packages of the checkout.
 */
import { execFile } from "node:child_process";
import { existsSync, globSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const cache = join(import.meta.dirname, "../../../node_modules/.cache/debian");

/** The folder with the files of the newest version of a package that apt knows. */
export async function debianFiles(name: string): Promise<string> {
  const { stdout } = await run("apt-cache", ["show", "--no-all-versions", name]);
  const version = /^Version: (\S+)$/m.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`apt knows no package ${name}: apt-get update`);
  const folder = join(cache, `${name}_${version.replaceAll(":", "-")}`);
  if (!existsSync(folder)) await unpack(name, folder);
  return folder;
}

/** The package that a package without files stands for, as the newest kernel. */
export async function debianDependency(name: string, pattern: RegExp): Promise<string> {
  const { stdout } = await run("apt-cache", ["depends", "--no-suggests", name]);
  const found = [...stdout.matchAll(/^\s*Depends: (\S+)$/gm)].map(([, depended = ""]) => depended);
  const fitting = found.find((depended) => pattern.test(depended));
  if (fitting === undefined) throw new Error(`${name} depends on no package like ${pattern}`);
  return fitting;
}

async function unpack(name: string, folder: string): Promise<void> {
  mkdirSync(cache, { recursive: true });
  const scratch = mkdtempSync(join(cache, "unpacking-"));
  try {
    await run("apt-get", ["download", "-q", name], { cwd: scratch });
    const [archive = ""] = globSync("*.deb", { cwd: scratch });
    await run("dpkg-deb", ["-x", join(scratch, archive), join(scratch, "files")]);
    renameSync(join(scratch, "files"), folder);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
