// Installs the Debian packages that the tests need, by name (and those of a group of tests that is named), when run as root on Debian; otherwise prints the exact
// line to type and fails. A package whose program is already there from elsewhere is left alone.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { spawnSync } = require("node:child_process");

/** Package and the program of it that tests run. */
const needed = [
  ["swtpm", "swtpm"],
  ["swtpm-tools", "swtpm_setup"],
  ["tpm2-tools", "tpm2_quote"],
  ["openssh-client", "ssh"],
  ["openssh-server", "sshd"],
  ["openssh-sftp-server", "/usr/lib/openssh/sftp-server"],
  ["openssl", "openssl"],
  ["git", "git"],
  ["rsync", "rsync"],
  ["expect", "expect"],
  ["chromium", "chromium"],
  ["postgresql", "/usr/lib/postgresql"],
  ["postgresql-client", "psql"],
  ["mariadb-server", "mariadbd"],
  ["mariadb-client", "mariadb"],
  ["redis-server", "redis-server"],
  ["redis-tools", "redis-cli"],
];

/** Large ones, for tests that run apart. */
const groups = {
  vm: [
    ["qemu-system-x86", "qemu-system-x86_64"],
    ["cpio", "cpio"],
  ],
  windows: [
    ["wine", "wine"],
    ["wine64", "/usr/lib/wine/wine64"],
    ["gcc-mingw-w64-x86-64", "x86_64-w64-mingw32-gcc"],
  ],
};

function isThere(program) {
  if (path.isAbsolute(program)) return fs.existsSync(program);
  const folders = [...(process.env.PATH || "").split(":"), "/usr/sbin", "/sbin"];
  return folders.some((folder) => fs.existsSync(path.join(folder, program)));
}

function main() {
  const all = [...needed, ...process.argv.slice(2).flatMap((name) => groups[name] ?? [])];
  const missing = all.filter(([, program]) => !isThere(program)).map(([name]) => name);
  if (missing.length === 0) return 0;
  const line = `apt-get install -y --no-install-recommends ${missing.join(" ")}`;
  const debian = fs.existsSync("/etc/debian_version");
  if (!debian || process.getuid?.() !== 0) {
    process.stderr.write(
      `ERROR: the tests need programs that are not installed\nhint: as root on Debian, run: ${line}\n`,
    );
    return 1;
  }
  process.stderr.write(`gatehouse: ${line}\n`);
  const run = (...words) =>
    spawnSync("apt-get", words, {
      stdio: ["ignore", 2, 2],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    }).status === 0;
  run("update", "-q");
  if (run("install", "-q", "-y", "--no-install-recommends", ...missing)) return 0;
  process.stderr.write(
    `ERROR: the packages could not be installed\nhint: as root, run: apt-get update && ${line}\n`,
  );
  return 1;
}

process.exitCode = main();
