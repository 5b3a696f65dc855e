// Runs `node <arguments>` with the pinned Node; passes signals on and ends as the child ends.
"use strict";
const path = require("node:path");
const { spawn } = require("node:child_process");
const { findNode } = require("./runtime.cjs");

const node = findNode(path.join(__dirname, ".."));
if (!node) {
  process.stderr.write(
    "ERROR: the pinned Node is not installed\nhint: run: node scripts/setup.cjs\n",
  );
  process.exit(1);
}
const child = spawn(node, process.argv.slice(2), { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => {
  if (!signal) process.exit(code ?? 1);
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeAllListeners(name);
  process.kill(process.pid, signal);
});
