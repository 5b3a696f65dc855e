/** Files that are named on the command line, read whole and bounded. */
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { Fault } from "#base/fault.ts";
import type { Console } from "#cli/console.ts";

const sentences: Readonly<Record<string, (file: string) => string>> = {
  ENOENT: (file) => `there is no file ${file}`,
  EISDIR: (file) => `${file} is a folder, not a file`,
  EACCES: (file) => `you may not read ${file}`,
};

/** The bytes of a file of at most `maxBytes`. Throws `environment`, or `limit`. */
export async function readInputFile(
  file: string,
  console: Console,
  maxBytes: number,
): Promise<Buffer> {
  const path = resolve(console.cwd, file);
  try {
    if ((await stat(path)).size <= maxBytes) return await readFile(path);
  } catch (cause) {
    const { code = "unknown error" } = cause as NodeJS.ErrnoException;
    const sentence = Object.hasOwn(sentences, code) ? sentences[code] : undefined;
    throw new Fault("environment", sentence?.(file) ?? `cannot read ${file}: ${code}`, { cause });
  }
  throw new Fault("limit", `${file} is larger than ${maxBytes / 1024 / 1024} MiB`);
}
