// Makes a fresh clone runnable: installs the locked packages, which include the pinned Node runtime, and builds the
// bundles that start fast. Plain CommonJS, because it runs on whatever old Node the machine has. Does nothing when all
// is in place.
"use strict";
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { spawnSync } = require("node:child_process");
const { findNode, isBuilt, withoutNpmSettings } = require("./runtime.cjs");

const root = path.join(__dirname, "..");
const stampFile = path.join(root, "node_modules", ".gatehouse-lock");

function main() {
  const status = install();
  if (status !== 0) return status;
  build();
  return 0;
}

/** Without bundles everything runs from the sources, only slower: a failure is told, but stops nothing. */
function build() {
  // A production installation brings its bundles along and has no esbuild.
  if (isBuilt(root) || !fs.existsSync(path.join(root, "node_modules", "esbuild"))) return;
  const done = spawnSync(findNode(root), [path.join(root, "tools", "build.ts")], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  if (done.status !== 0) {
    process.stderr.write("gatehouse: the build failed; programs run from their sources\n");
  }
}

function install() {
  const lock = fs.readFileSync(path.join(root, "package-lock.json"));
  const stamp = createHash("sha256").update(lock).digest("hex");
  if (readOrEmpty(stampFile) === stamp && findNode(root)) return 0;
  process.stderr.write("gatehouse: installing the locked packages and the pinned Node …\n");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const done = spawnSync(
    npm,
    ["ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"],
    {
      cwd: root,
      stdio: ["ignore", 2, 2],
      env: withoutNpmSettings(process.env),
    },
  );
  if (done.status !== 0) {
    process.stderr.write(
      "ERROR: npm ci failed\nhint: check that this machine reaches its npm registry, then run the command again\n",
    );
    return 1;
  }
  if (!findNode(root)) {
    process.stderr.write(
      `ERROR: there is no pinned Node for ${process.platform} ${process.arch}\nhint: see optionalDependencies in package.json\n`,
    );
    return 1;
  }
  fs.writeFileSync(stampFile, stamp);
  return 0;
}

function readOrEmpty(file) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

process.exitCode = main();
