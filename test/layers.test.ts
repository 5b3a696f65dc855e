/** Holds every import below `src/` against the table of `tools/layers.ts`. */
import assert from "node:assert/strict";
import { globSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { layers } from "../tools/layers.ts";

const root = new URL("..", import.meta.url).pathname;
const folderOf = (file: string) => file.split("/")[1] ?? "";

/** The folders of ours that a source text imports from. */
function importedFolders(source: string): string[] {
  const found = source.matchAll(/(?:from|import)\s*\(?\s*"#([a-z0-9-]+)\/[^"]+"/g);
  return [...found].map((match) => match[1] ?? "");
}

/** What a file imports against the table, each with the reason of the rule. */
function violations(file: string, source: string): string[] {
  const folder = folderOf(file);
  const layer = layers[folder];
  if (!layer) return [`${file}: folder "${folder}" is missing in tools/layers.ts`];
  return importedFolders(source)
    .filter((target) => target !== folder && !layer.imports.includes(target))
    .map((target) => `${file} imports #${target}: ${layer.because}`);
}

test("no folder imports one that its layer may not know", () => {
  const files = globSync("src/**/*.ts", { cwd: root }).filter((file) => !file.endsWith(".test.ts"));
  assert.ok(files.length > 50, "the sources were found");
  const found = files.flatMap((file) => violations(file, readFileSync(`${root}${file}`, "utf8")));
  assert.deepEqual(found, []);
});

test("a planted violation is caught with its reason", () => {
  const found = violations("src/proxy/x.ts", 'import { a } from "#auth/a.ts";');
  assert.deepEqual(found, [`src/proxy/x.ts imports #auth: ${layers["proxy"]?.because}`]);
});

test("imports leave src only through package names, and never relatively across folders", () => {
  const files = globSync("src/**/*.ts", { cwd: root }).filter(
    (file) => !file.startsWith("src/gen/"),
  );
  const crossing = files.filter((file) => {
    const depth = file.split("/").length - 3;
    const up = new RegExp(`from "(\\.\\./){${depth + 1},}`);
    return up.test(readFileSync(`${root}${file}`, "utf8"));
  });
  assert.deepEqual(
    crossing.filter((file) => !file.endsWith(".test.ts")),
    [],
  );
});

test("every folder says in a README what it is", () => {
  const folders = readdirSync(`${root}src`).filter((folder) => folder !== "gen");
  const missing = folders.filter(
    (folder) => !readdirSync(`${root}src/${folder}`).includes("README.md"),
  );
  assert.deepEqual(missing, []);
  for (const folder of folders) {
    const lines = readFileSync(`${root}src/${folder}/README.md`, "utf8").split("\n").length;
    assert.ok(lines <= 31, `src/${folder}/README.md has ${lines} lines, at most 30 are allowed`);
  }
});
