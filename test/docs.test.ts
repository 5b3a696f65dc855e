/** Holds the documents against the tree: generated pages, links, named files, configuration keys, the version. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { productVersion } from "#base/version.ts";
import { configFile } from "#daemon/config/schema.ts";
import { generatedPages } from "../tools/reference/pages.ts";

const root = new URL("..", import.meta.url).pathname;
const read = (path: string) => readFileSync(join(root, path), "utf8");
const pages = globSync(["*.md", "{bench,docs,fuzz,proto,scripts,src,test,tools}/**/*.md"], {
  cwd: root,
}).sort();
const withoutCode = (text: string) => text.replace(/```[\s\S]*?```|`[^`\n]*`/g, "");

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(path: string): ReadonlySet<string> {
  const headings = read(path).matchAll(/^#+ +(.+)$/gm);
  return new Set(
    [...headings].map(([, text = ""]) =>
      text
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

function brokenLinks(path: string, text = read(path)): string[] {
  const targets = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, to = ""]) => to);
  return targets
    .filter((to) => !/^[a-z]+:/.test(to))
    .filter((to) => {
      const [file = "", anchor] = to.split("#");
      const target = file === "" ? path : join(dirname(path), file);
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !anchorsOf(target).has(anchor);
    })
    .map((to) => `${path}: ${to}`);
}

/** Paths that a page names in code spans; `*` and `{a,b}` as in a shell, `<…>` and `NNNN` stand for anything. */
function missingFiles(path: string, text = read(path)): string[] {
  const named = [
    ...text.matchAll(/`((?:bench|bin|docs|fuzz|proto|scripts|src|test|tools)\/[^`\s]*)`/g),
  ];
  return named
    .map(([, name = ""]) => name)
    .filter((name) => globSync(name.replace(/<[^>]*>|NNNN/g, "*"), { cwd: root }).length === 0)
    .map((name) => `${path}: ${name}`);
}

/** `a.b[].c` for every key that a configuration file may have. */
function keysOf(schema: z.core.JSONSchema.BaseSchema, prefix = ""): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    if (typeof property === "boolean") return [prefix + name];
    const { items } = property;
    const inner =
      typeof items === "object" && !Array.isArray(items)
        ? keysOf(items, `${prefix}${name}[].`)
        : [];
    return [prefix + name, ...keysOf(property, `${prefix}${name}.`), ...inner];
  });
}

test("generated pages are what their sources give; npm run docs writes them", () => {
  for (const [path, text] of generatedPages()) {
    assert.equal(existsSync(join(root, path)) && read(path), text, `${path} is not current`);
  }
});

test("every relative link leads to a file, and every anchor to a heading", () => {
  assert.ok(pages.length > 20, "the documents were found");
  assert.deepEqual(
    pages.flatMap((path) => brokenLinks(path)),
    [],
  );
});

test("a planted broken link and a planted missing file are found", () => {
  const text =
    "[x](nowhere.md) [y](#no-heading) [z](SECURITY.md) `src/base/none.ts` `src/base/fault.ts`";
  assert.deepEqual(brokenLinks("README.md", text), [
    "README.md: nowhere.md",
    "README.md: #no-heading",
  ]);
  assert.deepEqual(missingFiles("README.md", text), ["README.md: src/base/none.ts"]);
});

test("every file that a document names exists", () => {
  assert.deepEqual(
    pages.flatMap((path) => missingFiles(path)),
    [],
  );
});

test("the configuration page names every key that a file may have, and no other", () => {
  const schema = z.toJSONSchema(configFile as z.ZodType, { io: "input", unrepresentable: "any" });
  const rows = read("docs/configuration.md").matchAll(/^\| `([a-z_.[\]]+)` \|/gm);
  const described = [...rows].map(([, key = ""]) => key);
  const leaves = keysOf(schema).filter(
    (key, _, all) =>
      !all.some((other) => other.startsWith(`${key}.`) || other.startsWith(`${key}[].`)),
  );
  assert.deepEqual(described.sort(), leaves.sort());
});

test("decisions are numbered without gaps and have their three parts", () => {
  const files = globSync("docs/decisions/*.md", { cwd: root }).sort();
  const numbers = files.map((path) => Number(/(\d{4})-[a-z0-9-]+\.md$/.exec(path)?.[1]));
  assert.deepEqual(
    numbers,
    files.map((_, index) => index + 1),
  );
  for (const path of files) {
    const parts = [...read(path).matchAll(/^## (.+)$/gm)].map(([, name]) => name);
    assert.deepEqual(parts, ["Context", "Decision", "Consequences"], path);
  }
});

test("every test of a bug class has its row", () => {
  const rows = read("docs/bug-classes.md").matchAll(/^\| ([\d, ]+) \|/gm);
  const described = new Set(
    [...rows].flatMap(([, numbers = ""]) => numbers.split(", ").map(Number)),
  );
  const files = globSync("test/cve/*.test.ts", { cwd: root });
  assert.ok(files.length > 0, "the tests were found");
  const missing = files.filter((file) => !described.has(Number(/(\d+)-/.exec(file)?.[1])));
  assert.deepEqual(missing, [], "describe these in docs/bug-classes.md");
});

test("the name of another product stands in docs/compatibility.md only", () => {
  const others = pages.filter((path) => path !== "docs/compatibility.md");
  assert.deepEqual(
    others.filter((path) => /\bTeleport\b/.test(read(path))),
    [],
  );
});

test("the version of the product is that of package.json", () => {
  assert.equal((JSON.parse(read("package.json")) as { version: string }).version, productVersion);
});
