/**
 * Command-line transcripts: text files that read like a shell session and are replayed against a program in memory.
 *
 *   # a comment
 *   $ cat > file.yaml <<EOF        writes a file into the session's folder
 *   ...
 *   EOF
 *   $ tctl get users/myuser > my.yaml
 *   $ cat my.yaml
 *   $ EDITOR=./edit.sh tctl edit role/access
 *   < a line of stdin
 *   what stdout showed
 *   ! what stderr showed
 *   [exit 1]                        only when it is not 0
 *
 * With UPDATE=1 in the environment the files are rewritten instead of compared.
 */
import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Console } from "#cli/console.ts";
import { createMemoryConsole, type MemoryConsole } from "./memory-console.ts";

/** Runs one command line in memory and returns its exit code. */
export type RunWords = (words: readonly string[], console: Console) => Promise<number>;

/** How to replay a transcript. */
export interface ReplayOptions {
  /** The programs by the word that starts them. */
  readonly programs: Readonly<Record<string, RunWords>>;
  /** Replaces what differs from run to run: times, ids, ports. */
  readonly mask?: (output: string) => string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Replays the transcript in `file`; fails with a readable difference, or rewrites it with UPDATE=1. */
export async function replayTranscript(file: string, options: ReplayOptions): Promise<void> {
  const expected = await readFile(file, "utf8");
  const folder = await mkdtemp(join(tmpdir(), "transcript-"));
  try {
    const actual = await replay(expected.split("\n"), folder, options);
    if (process.env["UPDATE"] === "1") await writeFile(file, actual);
    else assert.equal(actual, expected);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function replay(
  lines: readonly string[],
  folder: string,
  options: ReplayOptions,
): Promise<string> {
  const out: string[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at++] ?? "";
    if (!line.startsWith("$ ")) {
      // Comments and blank lines between commands stay; old output is dropped below.
      out.push(line);
      continue;
    }
    out.push(line);
    const heredoc = /<<(\w+)$/.exec(line)?.[1];
    const input: string[] = [];
    if (heredoc !== undefined) {
      while (lines[at] !== heredoc) input.push(lines[at++] ?? "");
      at++;
      out.push(...input, heredoc);
    }
    const answers: string[] = [];
    while (lines[at]?.startsWith("< ") || lines[at] === "<") answers.push(lines[at++] ?? "");
    out.push(...answers);
    while (at < lines.length && !/^(\$|#) /.test(lines[at] ?? "")) at++;
    const stdin = [...input, ...answers.map((answer) => answer.slice(2))]
      .map((text) => `${text}\n`)
      .join("");
    const output = await runLine(line.slice(2).replace(/\s*<<\w+$/, ""), stdin, folder, options);
    if (output !== "") out.push(...output.replace(/\n$/, "").split("\n"));
    out.push("");
  }
  return `${out.join("\n").replace(/\n+$/, "")}\n`;
}

async function runLine(
  line: string,
  stdin: string,
  folder: string,
  options: ReplayOptions,
): Promise<string> {
  const words = splitWords(line);
  const env: Record<string, string> = { TMPDIR: folder, ...options.env };
  while (/^[A-Z_]+=/.test(words[0] ?? "")) {
    const [name, ...value] = (words.shift() ?? "").split("=");
    env[name ?? ""] = value.join("=");
  }
  const redirect = words.indexOf(">");
  const target = redirect < 0 ? undefined : words.splice(redirect, 2)[1];
  const console = createMemoryConsole({ stdin, env, cwd: folder });
  const code = await runWords(words, console, stdin, folder, options);
  if (target !== undefined) await writeFile(join(folder, target), console.stdout());
  const shown = format(console, target !== undefined);
  const masked = (options.mask?.(shown) ?? shown).replaceAll(folder, "");
  return code === 0 ? masked : `${masked.replace(/([^\n])$/, "$1\n")}[exit ${code}]\n`;
}

async function runWords(
  words: readonly string[],
  console: MemoryConsole,
  stdin: string,
  folder: string,
  options: ReplayOptions,
): Promise<number> {
  const [name = "", ...rest] = words;
  if (name === "cat") {
    const file = rest[0];
    console.write(file === undefined ? stdin : await readFile(join(folder, file), "utf8"));
    return 0;
  }
  if (name === "chmod") {
    await chmod(join(folder, rest[1] ?? ""), Number.parseInt(rest[0] ?? "", 8));
    return 0;
  }
  const program = options.programs[name];
  assert.ok(program, `the transcript runs "${name}", which is no program of this test`);
  return program(rest, console);
}

/** Output in order; each stderr line behind "! ". */
function format(console: MemoryConsole, redirected: boolean): string {
  return console.written
    .filter((piece) => !(redirected && piece.to === "stdout"))
    .map((piece) => (piece.to === "stdout" ? piece.text : prefixLines(piece.text)))
    .join("");
}

function prefixLines(text: string): string {
  return text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => `! ${line}`.trimEnd())
    .join("\n")
    .concat("\n");
}

/** Words of a line with single and double quotes, without any expansion. */
export function splitWords(line: string): string[] {
  const words = line.match(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g) ?? [];
  return words.map((word) => word.replace(/'([^']*)'|"([^"]*)"/g, "$1$2"));
}
