/** The program `gatehouse`: the services of a cluster. */

import { versionLine } from "#base/version.ts";
import { defineCommand } from "#cli/command.ts";
import * as flag from "#cli/flag.ts";
import { defineProgram } from "#cli/program.ts";

/** `gatehouse start`. */
export const start = defineCommand({
  path: ["start"],
  summary: "run the services that the configuration enables",
  example: "gatehouse start --config=/etc/gatehouse.yaml",
  flags: {
    config: flag.string("configuration file (default: /etc/gatehouse.yaml when it exists)"),
    dataDir: flag.string("folder for everything that is kept"),
  },
  run: () => import("./start.ts"),
});

/** `gatehouse quickstart`. */
export const quickstart = defineCommand({
  path: ["quickstart"],
  summary: "run a whole cluster in one process, and invite its first administrator",
  example: "gatehouse quickstart",
  flags: {
    dataDir: flag.string("folder for everything that is kept", { default: "data" }),
    cluster: flag.string("name of the cluster, at the first start"),
    listen: flag.string("address and port", { default: "127.0.0.1:3080" }),
    publicAddr: flag.string("host:port that people type, when it is not localhost"),
    nodename: flag.string("name of the SSH server of this machine"),
    user: flag.string("name of the first administrator", { default: "myuser" }),
    logins: flag.list("OS accounts of the first administrator"),
  },
  run: () => import("./quickstart.ts"),
});

/** `gatehouse configure`. */
export const configure = defineCommand({
  path: ["configure"],
  summary: "print a configuration file to start from, or check one",
  example: "gatehouse configure --cluster-name=example.com --public-addr=example.com:443",
  flags: {
    check: flag.boolean("check the file of --config instead, and list every problem"),
    config: flag.string("file to check (default: /etc/gatehouse.yaml)"),
    clusterName: flag.string("name of the cluster"),
    publicAddr: flag.string("host:port that people type"),
    certFile: flag.string("web certificate (PEM)"),
    keyFile: flag.string("key of the web certificate (PEM)"),
    proxy: flag.string("host:port of a proxy: the file is for an agent that joins there"),
    token: flag.string("join token of the agent"),
    caPin: flag.string("pin of the cluster's host authority"),
  },
  run: () => import("./configure.ts"),
});

/** gatehouse. */
export const gatehouse = defineProgram({
  name: "gatehouse",
  summary: "run the services of a cluster",
  version: versionLine(),
  groups: {},
  shared: {},
  services: () => undefined,
  commands: [start, quickstart, configure],
});
