/**
 * A command-line program in two files: `main.cjs`, and a pack with every chunk of it, each as text and as the code that
 * V8 makes of the text. Small files and compiling were a third of what a short command took.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { Script } from "node:vm";
import { transform } from "esbuild";

/** Where each chunk lies in the pack: its text, then its code, by the name that other chunks require. */
export type PackIndex = Readonly<
  Record<string, readonly [text: number, code: number, end: number]>
>;

/** The two files. The name of the pack is that of its contents. */
export interface Pack {
  readonly name: string;
  readonly pack: Uint8Array;
  readonly main: string;
}

/** Packs CommonJS chunks, by file name. `program.cjs` is where the program begins. */
export async function makePack(chunks: ReadonlyMap<string, string>): Promise<Pack> {
  const index: Record<string, [number, number, number]> = {};
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [name, source] of chunks) {
    const wrapped = `(function(require,module,exports){${source}\n})`;
    const text = Buffer.from(wrapped, "utf8");
    const code = compile(wrapped);
    index[`./${name}`] = [at, at + text.length, at + text.length + code.length];
    parts.push(text, code);
    at += text.length + code.length;
  }
  const pack = Buffer.concat(parts);
  const name = `program-${createHash("sha256").update(pack).digest("hex").slice(0, 8)}.pack`;
  const loader = readFileSync(join(import.meta.dirname, "pack-loader.ts"), "utf8");
  const { code: main } = await transform(loader, {
    loader: "ts",
    format: "cjs",
    platform: "node",
    target: "node26",
    minify: true,
    define: { packFile: JSON.stringify(name), packIndex: JSON.stringify(index) },
  });
  return { name, pack, main };
}

/**
 * The code of all functions, also of those that V8 would compile when they are first called. The flag is back before the
 * code is taken: V8 refuses code that was made under other flags.
 */
function compile(source: string): Uint8Array {
  setFlagsFromString("--no-lazy");
  const script = new Script(source);
  setFlagsFromString("--lazy");
  return script.createCachedData();
}
