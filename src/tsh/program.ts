/** The commands of tsh as values: words, texts, arguments, flags. Each implementation is imported when it runs. */

import { versionLine } from "#base/version.ts";
import { many, optional, required, rest } from "#cli/argument.ts";
import { defineCommand } from "#cli/command.ts";
import { boolean, choice, duration, list, string } from "#cli/flag.ts";
import { formatFlag } from "#cli/output.ts";
import { defineProgram } from "#cli/program.ts";
import { shared, type TshServices } from "./context.ts";

export const login = defineCommand({
  path: ["login"],
  summary: "log in to a cluster",
  example: "tsh login --proxy=teleport.example.com --user=alice",
  arguments: { cluster: optional("name of the cluster") },
  flags: {
    ttl: duration("lifetime of the login; the cluster may shorten it", { placeholder: "12h" }),
  },
  run: () => import("./login.ts"),
});

export const logout = defineCommand({
  path: ["logout"],
  summary: "end a login, or all of them, and delete its keys",
  example: "tsh logout",
  run: () => import("./logout.ts"),
});

export const status = defineCommand({
  path: ["status"],
  summary: "show who is logged in, where and for how long",
  example: "tsh status",
  flags: { format: formatFlag },
  run: () => import("./status.ts"),
});

export const ls = defineCommand({
  path: ["ls"],
  summary: "list nodes",
  example: "tsh ls env=dev",
  arguments: { labels: many("labels that nodes must have, as in env=dev,team=a") },
  flags: {
    query: string("predicate over nodes", { placeholder: 'labels["env"]=="dev"' }),
    search: list("words that must all occur", { placeholder: "WORD,WORD" }),
    verbose: boolean("show ids and whole labels", { short: "v" }),
    format: choice(["text", "json", "yaml", "names"], "form of the output", {
      default: "text",
      short: "f",
    }),
  },
  run: () => import("./ls.ts"),
});

export const ssh = defineCommand({
  path: ["ssh"],
  summary: "open a shell on a node, or run a command there",
  example: "tsh ssh root@node uptime",
  arguments: {
    target: required("node, as in root@node or root@env=dev"),
    command: rest("command to run instead of a shell"),
  },
  flags: {
    login: string("account on the node", { short: "l", placeholder: "NAME" }),
    port: string("port of the SSH server", { short: "p", placeholder: "PORT" }),
    forwardAgent: boolean("offer your SSH agent to the node", { short: "A" }),
    localForward: list("forward a local port", {
      short: "L",
      split: false,
      placeholder: "[BIND:]PORT:HOST:PORT",
    }),
    remoteForward: list("forward a port of the node", {
      short: "R",
      split: false,
      placeholder: "[BIND:]PORT:HOST:PORT",
    }),
    dynamicForward: list("open a local SOCKS proxy", {
      short: "D",
      split: false,
      placeholder: "[BIND:]PORT",
    }),
    noRemoteExec: boolean("run nothing, only forward ports", { short: "N" }),
    tty: boolean("ask for a terminal also for a command", { short: "t" }),
    query: string("predicate that selects the node", { placeholder: 'name=="x"' }),
  },
  run: () => import("./ssh.ts"),
});

export const scp = defineCommand({
  path: ["scp"],
  summary: "copy files to, from or between this machine and a node",
  example: "tsh scp report.txt root@node:/tmp/",
  arguments: { paths: many("sources and one destination; remote ones as root@node:/path") },
  flags: {
    recursive: boolean("copy folders with everything in them", { short: "r" }),
    preserve: boolean("keep times and modes", { short: "p" }),
    quiet: boolean("show no progress", { short: "q" }),
    port: string("port of the SSH server", { short: "P", placeholder: "PORT" }),
  },
  run: () => import("./scp.ts"),
});

export const proxySsh = defineCommand({
  path: ["proxy", "ssh"],
  summary: "connect stdin and stdout to a node's SSH server, as OpenSSH's ProxyCommand",
  example: "ssh -o 'ProxyCommand=tsh proxy ssh %r@%h:%p' root@node",
  arguments: { target: required("node, as in root@node:0") },
  run: () => import("./proxy-ssh.ts"),
});

export const config = defineCommand({
  path: ["config"],
  summary: "print a configuration for OpenSSH",
  example: "tsh config >> ~/.ssh/config",
  flags: {
    port: string("port that hosts are given", { short: "p", default: "3022", placeholder: "PORT" }),
  },
  run: () => import("./config.ts"),
});

export const clusters = defineCommand({
  path: ["clusters"],
  summary: "list clusters",
  example: "tsh clusters",
  flags: { format: formatFlag, quiet: boolean("print no header", { short: "q" }) },
  run: () => import("./clusters.ts"),
});

export const env = defineCommand({
  path: ["env"],
  summary: "print shell commands that set the login's environment",
  example: 'eval "$(tsh env)"',
  flags: {
    unset: boolean("print commands that remove it"),
    format: choice(["text", "json", "yaml"], "form of the output", { default: "text", short: "f" }),
  },
  run: () => import("./env.ts"),
});

export const mfaLs = defineCommand({
  path: ["mfa", "ls"],
  summary: "list your second factors",
  example: "tsh mfa ls",
  flags: { verbose: boolean("show ids", { short: "v" }), format: formatFlag },
  run: () => import("./mfa-ls.ts"),
});

export const mfaAdd = defineCommand({
  path: ["mfa", "add"],
  summary: "add an authenticator app as a second factor",
  example: "tsh mfa add --name=phone",
  flags: {
    name: string("what to call it", { placeholder: "NAME" }),
    type: choice(["TOTP"], "sort of second factor", { default: "TOTP" }),
  },
  run: () => import("./mfa-add.ts"),
});

export const mfaRm = defineCommand({
  path: ["mfa", "rm"],
  summary: "remove one of your second factors",
  example: "tsh mfa rm phone",
  arguments: { name: required("name or id of the second factor") },
  run: () => import("./mfa-rm.ts"),
});

export const deviceEnroll = defineCommand({
  path: ["device", "enroll"],
  summary: "enroll this device as a trusted one",
  example: "tsh device enroll --current-device",
  flags: {
    token: string("enrollment token from an administrator", { placeholder: "TOKEN" }),
    currentDevice: boolean("register this device first, if need be"),
  },
  run: () => import("./device-enroll.ts"),
});

export const deviceStatus = defineCommand({
  path: ["device", "status"],
  summary: "show whether this device is trusted, and what is missing",
  example: "tsh device status",
  flags: { format: formatFlag },
  run: () => import("./device-status.ts"),
});

export const deviceDoctor = defineCommand({
  path: ["device", "doctor"],
  summary: "check what this machine needs to be a trusted device",
  example: "tsh device doctor",
  flags: { format: formatFlag },
  run: () => import("./device-doctor.ts"),
});

export const deviceCollect = defineCommand({
  path: ["device", "collect"],
  summary: "show what this device tells a cluster about itself",
  example: "tsh device collect",
  run: () => import("./device-collect.ts"),
});

export const deviceAssetTag = defineCommand({
  path: ["device", "asset-tag"],
  summary: "show the asset tag of this device",
  example: "tsh device asset-tag",
  run: () => import("./device-asset-tag.ts"),
});

export const deviceKeyGet = defineCommand({
  path: ["device", "keyget"],
  summary: "show the public part of this device's key",
  example: "tsh device keyget",
  hidden: true,
  run: () => import("./device-keyget.ts"),
});

export const deviceDmiRead = defineCommand({
  path: ["device", "dmi-read"],
  summary: "print the firmware's values; tsh runs it under sudo",
  example: "sudo tsh device dmi-read",
  hidden: true,
  run: () => import("./device-dmi-read.ts"),
});

const databaseUser = {
  dbUser: string("database user to act as", { short: "u", placeholder: "NAME" }),
  dbName: string("database on the server", { short: "n", placeholder: "NAME" }),
  dbRoles: list("database roles to act in", { short: "r", placeholder: "NAMES" }),
};

const localPort = string("local port", { short: "p", placeholder: "PORT" });

export const dbLs = defineCommand({
  path: ["db", "ls"],
  summary: "list databases",
  example: "tsh db ls env=dev",
  arguments: { labels: many("labels that databases must have, as in env=dev,team=a") },
  flags: {
    query: string("predicate over databases", { placeholder: 'labels["env"]=="dev"' }),
    search: list("words that must all occur", { placeholder: "WORD,WORD" }),
    verbose: boolean("show protocol, address and whole labels", { short: "v" }),
    format: formatFlag,
  },
  run: () => import("./db-ls.ts"),
});

export const dbLogin = defineCommand({
  path: ["db", "login"],
  summary: "choose user and name for a database, and get a certificate for it",
  example: "tsh db login --db-user=alice --db-name=orders orders-db",
  arguments: { db: required("name of the database") },
  flags: databaseUser,
  run: () => import("./db-login.ts"),
});

export const dbLogout = defineCommand({
  path: ["db", "logout"],
  summary: "remove the certificate for a database, or all of them",
  example: "tsh db logout orders-db",
  arguments: { db: optional("name of the database") },
  run: () => import("./db-logout.ts"),
});

export const dbEnv = defineCommand({
  path: ["db", "env"],
  summary: "print shell commands that lead programs to a database behind a local port",
  example: 'eval "$(tsh db env orders-db)"',
  arguments: { db: required("name of the database") },
  flags: {
    ...databaseUser,
    port: localPort,
    format: choice(["text", "json", "yaml"], "form of the output", { default: "text", short: "f" }),
  },
  run: () => import("./db-env.ts"),
});

export const dbConfig = defineCommand({
  path: ["db", "config"],
  summary: "show how programs connect to a database behind a local port",
  example: "tsh db config --format=cmd orders-db",
  arguments: { db: required("name of the database") },
  flags: {
    ...databaseUser,
    port: localPort,
    format: choice(["text", "cmd", "json", "yaml"], "form of the output", {
      default: "text",
      short: "f",
    }),
  },
  run: () => import("./db-config.ts"),
});

export const dbConnect = defineCommand({
  path: ["db", "connect"],
  summary: "open a database with its own client: psql, mariadb or redis-cli",
  example: "tsh db connect --db-user=alice --db-name=orders orders-db",
  arguments: {
    db: required("name of the database"),
    options: rest("more arguments for the client"),
  },
  flags: databaseUser,
  run: () => import("./db-connect.ts"),
});

export const proxyDb = defineCommand({
  path: ["proxy", "db"],
  summary: "open a local port behind which a database is, for any program",
  example: "tsh proxy db --port=5432 --db-user=alice orders-db",
  arguments: { db: required("name of the database") },
  flags: {
    ...databaseUser,
    port: localPort,
    tunnel: boolean(
      "keys stay on this side of the port; there is no other way, so this changes nothing",
    ),
  },
  run: () => import("./proxy-db.ts"),
});

export const kubeLs = defineCommand({
  path: ["kube", "ls"],
  summary: "list Kubernetes clusters",
  example: "tsh kube ls env=dev",
  arguments: { labels: many("labels that clusters must have, as in env=dev,team=a") },
  flags: {
    query: string("predicate over clusters", { placeholder: 'labels["env"]=="dev"' }),
    search: list("words that must all occur", { placeholder: "WORD,WORD" }),
    format: formatFlag,
  },
  run: () => import("./kube-ls.ts"),
});

export const kubeLogin = defineCommand({
  path: ["kube", "login"],
  summary: "lead kubectl to a Kubernetes cluster",
  example: "tsh kube login prod",
  arguments: { name: optional("name of the Kubernetes cluster") },
  flags: { all: boolean("all that your roles let you see") },
  run: () => import("./kube-login.ts"),
});

export const kubeCredentials = defineCommand({
  path: ["kube", "credentials"],
  summary: "print the key and certificate that kubectl asks for",
  example: "tsh kube credentials --kube-cluster=prod",
  flags: {
    kubeCluster: string("name of the Kubernetes cluster", { placeholder: "NAME" }),
  },
  run: () => import("./kube-credentials.ts"),
});

export const proxyKube = defineCommand({
  path: ["proxy", "kube"],
  summary: "open a local port behind which a Kubernetes cluster is, for any program",
  example: "tsh proxy kube --port=6443 prod",
  arguments: { name: required("name of the Kubernetes cluster") },
  flags: { port: localPort },
  run: () => import("./proxy-kube.ts"),
});

/** The whole program. */
export function tsh(services: () => TshServices) {
  return defineProgram({
    name: "tsh",
    summary: "reach servers with short-lived certificates",
    version: versionLine(),
    groups: {
      db: "databases",
      kube: "Kubernetes clusters",
      device: "this machine as a trusted device",
      mfa: "your second factors",
      proxy: "local ends of connections",
    },
    shared,
    commands: [
      login,
      logout,
      status,
      ls,
      ssh,
      scp,
      proxySsh,
      proxyDb,
      proxyKube,
      kubeLs,
      kubeLogin,
      kubeCredentials,
      dbLs,
      dbLogin,
      dbLogout,
      dbConnect,
      dbEnv,
      dbConfig,
      config,
      clusters,
      env,
      mfaLs,
      mfaAdd,
      mfaRm,
      deviceEnroll,
      deviceStatus,
      deviceDoctor,
      deviceCollect,
      deviceAssetTag,
      deviceKeyGet,
      deviceDmiRead,
    ],
    services,
  });
}
