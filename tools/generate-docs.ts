/** `npm run docs`: writes the generated pages of `docs/`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { generatedPages } from "./reference/pages.ts";

const root = new URL("..", import.meta.url).pathname;

for (const [path, text] of generatedPages()) {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  process.stdout.write(`${path}\n`);
}
