/**
 * The beginning of every bundled command-line program: `tools/pack.ts` makes `main.cjs` of it. Loads the chunks of the
 * program out of one file, with the code that V8 made of them when the bundle was built. Node's own loader would look up,
 * open and compile some 30 files for one command.
 */
import { openSync, readSync } from "node:fs";
import { Script } from "node:vm";
import type { PackIndex } from "./pack.ts";

declare const packFile: string;
declare const packIndex: PackIndex;

type Chunk = (load: (id: string) => unknown, module: Module, exports: unknown) => void;

interface Module {
  exports: unknown;
}

const index = packIndex;
// Held open: a later build may replace the file while this program still runs.
const pack = openSync(`${__dirname}/${packFile}`, "r");
const modules = new Map<string, Module>();

function load(id: string): unknown {
  const known = modules.get(id);
  if (known !== undefined) return known.exports;
  const place = index[id];
  if (place === undefined) return require(id);
  const module: Module = { exports: {} };
  modules.set(id, module);
  const [start, code, end] = place;
  // Code of another V8 is not taken; then the text is compiled.
  const script = new Script(read(start, code).toString(), {
    filename: `${__dirname}/${id.slice(2)}`,
    cachedData: read(code, end),
  });
  (script.runInThisContext() as Chunk)(load, module, module.exports);
  return module.exports;
}

function read(start: number, end: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(end - start);
  readSync(pack, bytes, 0, bytes.length, start);
  return bytes;
}

load("./program.cjs");
