/**
 * The bundles from which the launchers in `bin/` start the programs.
 *
 * esbuild splits each program at its `await import(…)`, so a command loads its own code and no more. The command-line
 * programs are then turned into CommonJS, which starts several milliseconds faster than ES modules, and packed
 * (`pack.ts`). The server stays with ES modules, whose calls between files are direct.
 *
 * Files are named after their contents and only ever added, the entry last: a process that still runs the previous
 * build finds what it has yet to load. The file `stamp` dates the build to its start; whatever is newer makes it stale.
 */
import {
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import { build, transform } from "esbuild";
import { makePack } from "./pack.ts";

const root = join(import.meta.dirname, "..");
/** Files of earlier builds are kept so long for the processes that run them. */
const keepMs = 7 * 24 * 3_600_000;

/** CommonJS packages inside ES modules ask for built-in modules with a `require` that is not there. */
const requireBanner =
  'import{createRequire as gatehouseRequire}from"node:module";' +
  "const require=gatehouseRequire(import.meta.url);";

interface Program {
  readonly name: string;
  readonly source: string;
  readonly format: "cjs" | "esm";
}

const programs: readonly Program[] = [
  { name: "tsh", source: "src/tsh/main.ts", format: "cjs" },
  { name: "tctl", source: "src/tctl/main.ts", format: "cjs" },
  { name: "gatehouse", source: "src/daemon/main.ts", format: "esm" },
];

/** Bundles every program into the folder `dist`, which may hold an earlier build that is in use. */
export async function buildBundles(dist: string): Promise<void> {
  const started = new Date();
  await Promise.all(programs.map((program) => buildProgram(program, dist)));
  writeFileSync(join(dist, "stamp"), `${started.toISOString()}\n`);
  utimesSync(join(dist, "stamp"), started, started);
}

async function buildProgram({ name, source, format }: Program, dist: string): Promise<void> {
  const folder = join(dist, name);
  mkdirSync(folder, { recursive: true });
  const extension = format === "cjs" ? ".cjs" : ".mjs";
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: { program: source },
    outdir: folder,
    bundle: true,
    splitting: true,
    format: "esm",
    outExtension: { ".js": extension },
    platform: "node",
    target: "node26",
    minify: true,
    legalComments: "none",
    logLevel: "warning",
    write: false,
    // Native: the first finds its half beside its own files, the second is there on Windows only.
    external: ["@lydell/node-pty", "@koromix/koffi-win32-x64"],
    // Else every pattern with \p{…} becomes a constructor call, made anew wherever it is used.
    supported: { "regexp-unicode-property-escapes": true },
    banner: format === "esm" ? { js: requireBanner } : {},
  });
  if (format === "cjs") {
    const chunks = new Map<string, string>();
    for (const file of outputFiles) {
      chunks.set(basename(file.path), await toCommonJs(file.text));
    }
    const { name: pack, pack: bytes, main } = await makePack(chunks);
    writeNew(join(folder, pack), bytes);
    writeNew(join(folder, "main.cjs"), main);
    removeOld(folder, new Set(["main.cjs", pack]));
    return;
  }
  const entry = outputFiles.find((file) => basename(file.path) === `program${extension}`);
  const others = outputFiles.filter((file) => file !== entry);
  for (const file of others) writeNew(file.path, file.text);
  writeNew(join(folder, `program${extension}`), entry?.text ?? "");
  writeNew(join(folder, "main.cjs"), 'import("./program.mjs");\n');
  removeOld(folder, new Set(["main.cjs", ...outputFiles.map((file) => basename(file.path))]));
}

async function toCommonJs(text: string): Promise<string> {
  const { code } = await transform(text, {
    format: "cjs",
    platform: "node",
    target: "node26",
    minify: true,
    supported: { "dynamic-import": false, "regexp-unicode-property-escapes": true },
  });
  return code;
}

/** Writes beside and renames, so that a program that starts now reads the old file or the new one. */
function writeNew(file: string, contents: string | Uint8Array): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, contents);
  renameSync(draft, file);
}

function removeOld(folder: string, made: ReadonlySet<string>): void {
  for (const name of readdirSync(folder)) {
    if (made.has(name)) continue;
    const file = join(folder, name);
    const { mtimeMs } = statSync(file);
    if (Date.now() - mtimeMs > keepMs) rmSync(file, { recursive: true, force: true });
  }
}
