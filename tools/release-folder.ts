/**
 * What is installed on a machine: a folder with the launchers, the bundles, the pinned Node and the one native module,
 * all from the locked packages that are installed here. It needs no npm, no checkout and no other Node, and can lie
 * anywhere; its programs may be linked into a folder of the PATH.
 */
import { chmodSync, cpSync, mkdirSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { buildBundles } from "./bundle.ts";

const root = join(import.meta.dirname, "..");
const { findNode } = createRequire(import.meta.url)("../scripts/runtime.cjs") as {
  findNode(root: string): string | undefined;
};

/** Makes the folder, which must not exist yet, for the system and processor of this machine. */
export async function makeReleaseFolder(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: false });
  await buildBundles(join(folder, "dist"));
  copy("bin", folder);
  for (const name of ["LICENSE", "NOTICE", "CHANGELOG.md"]) copy(name, folder);
  copyNode(folder);
  copyPty(folder);
}

/** The executable and its licence; the headers and manuals of the package stay behind. */
function copyNode(folder: string): void {
  const node = findNode(root);
  if (node === undefined) throw new Error("the pinned Node is not installed");
  copy(relative(root, node), folder);
  chmodSync(join(folder, relative(root, node)), 0o755);
  copy(relative(root, join(dirname(dirname(node)), "LICENSE")), folder);
}

/** The module finds its native half in the package of the platform beside it. */
function copyPty(folder: string): void {
  const scope = join("node_modules", "@lydell");
  for (const name of readdirSync(join(root, scope))) copy(join(scope, name), folder);
}

function copy(path: string, folder: string): void {
  cpSync(join(root, path), join(folder, path), { recursive: true, dereference: false });
}
