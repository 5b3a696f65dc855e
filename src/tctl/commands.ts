/**
 * Every command of tctl as data. The implementations are imported when they run, so this file and what it imports
 * are all that `tctl --help` loads.
 */
import { many, optional, required } from "#cli/argument.ts";
import { type Invocation as CliInvocation, type Command, defineCommand } from "#cli/command.ts";
import { boolean, choice, duration, list, string } from "#cli/flag.ts";
import { formatFlag } from "#cli/output.ts";
import type { Services } from "./services.ts";
import type { sharedFlags } from "./shared.ts";

/** What the implementation of command `C` receives. */
export type Invocation<C extends Command> = CliInvocation<C, typeof sharedFlags, Services>;

const hour = 3_600_000;

/** The flags by which commands name one device. */
export const deviceFlags = {
  deviceId: string("id of the device", { placeholder: "ID" }),
  assetTag: string("asset tag of the device", { placeholder: "TAG" }),
  currentDevice: boolean("the device that this command runs on"),
};

/** Traits that can be set on the command line, by flag key; "set" is put in front by `users update`. */
const traitFlags = {
  logins: list("OS accounts that the user may log in to", { placeholder: "NAMES" }),
  windowsLogins: list("Windows accounts", { placeholder: "NAMES" }),
  kubernetesUsers: list("Kubernetes users to act as", { placeholder: "NAMES" }),
  kubernetesGroups: list("Kubernetes groups to act in", { placeholder: "NAMES" }),
  dbUsers: list("database users", { placeholder: "NAMES" }),
  dbNames: list("database names", { placeholder: "NAMES" }),
  dbRoles: list("database roles", { placeholder: "NAMES" }),
};

export const status = defineCommand({
  path: ["status"],
  summary: "show the cluster, its version and its authorities",
  example: "tctl status",
  run: () => import("./status.ts"),
});

export const usersAdd = defineCommand({
  path: ["users", "add"],
  summary: "create a user and print the link that sets the password",
  example: "tctl users add alice --roles=access,editor --logins=root,ubuntu",
  arguments: { user: required("name of the user") },
  flags: {
    roles: list("roles of the user", { required: true, placeholder: "NAMES" }),
    ...traitFlags,
    ttl: duration("life of the link", { default: hour }),
    passwordFile: string('set the password from the first line of a file ("-": stdin)', {
      placeholder: "FILE",
    }),
    totp: boolean("with --password-file: make a one-time-code secret and print its URL"),
    format: formatFlag,
  },
  run: () => import("./users-add.ts"),
});

export const usersLs = defineCommand({
  path: ["users", "ls"],
  summary: "list users and their roles",
  example: "tctl users ls",
  flags: { format: formatFlag },
  run: () => import("./users-ls.ts"),
});

export const usersUpdate = defineCommand({
  path: ["users", "update"],
  summary: "replace roles or traits of a user",
  example: "tctl users update alice --set-roles=access,auditor",
  arguments: { user: required("name of the user") },
  flags: {
    setRoles: list("roles", { placeholder: "NAMES" }),
    setLogins: traitFlags.logins,
    setWindowsLogins: traitFlags.windowsLogins,
    setKubernetesUsers: traitFlags.kubernetesUsers,
    setKubernetesGroups: traitFlags.kubernetesGroups,
    setDbUsers: traitFlags.dbUsers,
    setDbNames: traitFlags.dbNames,
    setDbRoles: traitFlags.dbRoles,
  },
  run: () => import("./users-update.ts"),
});

export const usersReset = defineCommand({
  path: ["users", "reset"],
  summary: "void a user's password, and print the link that replaces it and the second factors",
  example: "tctl users reset alice",
  arguments: { user: required("name of the user") },
  flags: { ttl: duration("life of the link", { default: 8 * hour }), format: formatFlag },
  run: () => import("./users-reset.ts"),
});

export const usersRm = defineCommand({
  path: ["users", "rm"],
  summary: "delete users",
  example: "tctl users rm alice",
  arguments: { users: required("names, separated by commas") },
  run: () => import("./users-rm.ts"),
});

export const tokensAdd = defineCommand({
  path: ["tokens", "add"],
  summary: "create a token that lets a service join the cluster",
  example: "tctl tokens add --type=node --ttl=30m",
  flags: {
    type: list("what may join: node, app, db, kube, proxy, mdm", {
      required: true,
      placeholder: "TYPES",
    }),
    value: string("the token itself, instead of a random one", { placeholder: "TOKEN" }),
    labels: list("labels of the token", { placeholder: "K=V" }),
    ttl: duration("life of the token", { default: hour / 2 }),
    format: formatFlag,
  },
  run: () => import("./tokens-add.ts"),
});

export const tokensLs = defineCommand({
  path: ["tokens", "ls"],
  summary: "list join tokens",
  example: "tctl tokens ls --format=json",
  flags: { format: formatFlag },
  run: () => import("./tokens-ls.ts"),
});

export const tokensRm = defineCommand({
  path: ["tokens", "rm"],
  summary: "delete a join token",
  example: "tctl tokens rm 7f912e42ef1e7dea2ea04f39aa958810",
  arguments: { token: required("the token") },
  run: () => import("./tokens-rm.ts"),
});

export const get = defineCommand({
  path: ["get"],
  summary: "print resources as YAML or JSON",
  example: "tctl get role/access",
  arguments: { resources: required('kind or kind/name, several with commas, or "all"') },
  flags: {
    format: choice(["yaml", "json", "text"], "form of the output", { default: "yaml" }),
  },
  run: () => import("./get.ts"),
});

export const create = defineCommand({
  path: ["create"],
  summary: "create resources from YAML",
  example: "tctl create -f role.yaml",
  arguments: { file: optional("file to read; stdin when left out or -") },
  flags: { force: boolean("replace what exists", { short: "f" }) },
  run: () => import("./create.ts"),
});

export const edit = defineCommand({
  path: ["edit"],
  summary: "change a resource in $EDITOR",
  example: "tctl edit role/access",
  arguments: { resource: required("kind/name") },
  run: () => import("./edit.ts"),
});

export const rm = defineCommand({
  path: ["rm"],
  summary: "delete resources",
  example: "tctl rm role/contractor",
  arguments: { resources: required("kind/name, several with commas") },
  run: () => import("./rm.ts"),
});

export const devicesAdd = defineCommand({
  path: ["devices", "add"],
  summary: "register a device in the inventory",
  example: "tctl devices add --os=macos --asset-tag=C00AA0AAAA0A --enroll",
  flags: {
    os: string("operating system: linux, macos, windows", { placeholder: "OS" }),
    assetTag: deviceFlags.assetTag,
    currentDevice: deviceFlags.currentDevice,
    enroll: boolean("also create an enrollment token"),
    enrollTtl: duration("life of the enrollment token"),
  },
  run: () => import("./devices-add.ts"),
});

export const devicesLs = defineCommand({
  path: ["devices", "ls"],
  summary: "list the inventory",
  example: "tctl devices ls",
  flags: { format: formatFlag },
  run: () => import("./devices-ls.ts"),
});

export const devicesImport = defineCommand({
  path: ["devices", "import"],
  summary: "take over an inventory from a CSV or JSON file",
  example: "tctl devices import devices.csv --remove-missing --dry-run",
  arguments: { file: required('file with one device per row ("-": stdin)') },
  flags: {
    format: choice(["csv", "json"], "form of the file (default: as its name ends, else csv)", {}),
    source: string("name of the inventory, shown by: tctl devices ls", { default: "import" }),
    claim: boolean("also take over devices of other sources"),
    removeMissing: boolean("remove devices of this source that the file does not name"),
    dryRun: boolean("check the file and say what would change"),
  },
  run: () => import("./devices-import.ts"),
});

export const devicesExport = defineCommand({
  path: ["devices", "export"],
  summary: "print the inventory as CSV or JSON, as import reads it",
  example: "tctl devices export > devices.csv",
  flags: {
    format: choice(["csv", "json"], "form of the output", { default: "csv" }),
  },
  run: () => import("./devices-export.ts"),
});

export const devicesRm = defineCommand({
  path: ["devices", "rm"],
  summary: "remove a device from the inventory",
  example: "tctl devices rm --asset-tag=C00AA0AAAA0A",
  flags: deviceFlags,
  run: () => import("./devices-rm.ts"),
});

export const devicesEnroll = defineCommand({
  path: ["devices", "enroll"],
  summary: "create an enrollment token for a device",
  example: "tctl devices enroll --asset-tag=C00AA0AAAA0A",
  flags: { ...deviceFlags, ttl: duration("life of the token") },
  run: () => import("./devices-enroll.ts"),
});

export const devicesTokensLs = defineCommand({
  path: ["devices", "tokens", "ls"],
  summary: "list enrollment tokens that are neither spent nor expired",
  example: "tctl devices tokens ls --format=json",
  arguments: { device: optional("only those of this device: asset tag or id") },
  flags: { format: formatFlag },
  run: () => import("./devices-tokens-ls.ts"),
});

export const devicesTokensShow = defineCommand({
  path: ["devices", "tokens", "show"],
  summary: "show an enrollment token, without its secret",
  example: "tctl devices tokens show 1f0ed1e2a3b4c5d6",
  arguments: { id: required("id of the token") },
  flags: { format: formatFlag },
  run: () => import("./devices-tokens-show.ts"),
});

export const devicesTokensRm = defineCommand({
  path: ["devices", "tokens", "rm"],
  summary: "revoke an enrollment token",
  example: "tctl devices tokens rm 1f0ed1e2a3b4c5d6",
  arguments: { id: required("id of the token") },
  run: () => import("./devices-tokens-rm.ts"),
});

export const devicesSimulate = defineCommand({
  path: ["devices", "simulate"],
  summary: "show what a mode, posture rules or measured-boot rules would take away; change nothing",
  example: "tctl devices simulate --mode=required --posture=device.secure_boot",
  flags: {
    mode: choice(["off", "optional", "required", "required-for-humans"], "device mode to try"),
    posture: list("posture rule to try besides those that are set; may be repeated", {
      split: false,
      placeholder: "RULE",
    }),
    role: string("try it at this role, not at the cluster", { placeholder: "NAME" }),
    measuredBoot: string("try the rules of this attestation_policy on every enrolled device", {
      placeholder: "FILE",
    }),
    format: formatFlag,
  },
  run: () => import("./devices-simulate.ts"),
});

const lockFlags = {
  message: string("shown to whoever is locked out", { placeholder: "TEXT" }),
  expires: string("when the lock ends, as in 2026-12-31T12:00:00Z", { placeholder: "TIME" }),
  ttl: duration("how long the lock lasts"),
};

export const devicesLock = defineCommand({
  path: ["devices", "lock"],
  summary: "lock a device out",
  example: "tctl devices lock --asset-tag=C00AA0AAAA0A --ttl=12h",
  flags: { ...deviceFlags, ...lockFlags },
  run: () => import("./devices-lock.ts"),
});

export const lock = defineCommand({
  path: ["lock"],
  summary: "lock a user, role, login, server or device out",
  example: 'tctl lock --user=bob --message="on leave" --ttl=12h',
  flags: {
    user: string("user name"),
    role: string("role name"),
    login: string("OS account"),
    node: string("host name or host id of a registered node", { placeholder: "NAME" }),
    serverId: string("host id of a node", { placeholder: "ID" }),
    device: string("device id or asset tag", { placeholder: "ID" }),
    mfaDevice: string("id of an MFA device", { placeholder: "ID" }),
    accessRequest: string("id of an access request", { placeholder: "ID" }),
    windowsDesktop: string("name of a Windows desktop", { placeholder: "NAME" }),
    ...lockFlags,
  },
  run: () => import("./lock.ts"),
});

export const locksLs = defineCommand({
  path: ["locks", "ls"],
  summary: "list the locks in force",
  example: "tctl locks ls --format=json",
  flags: {
    expired: boolean("also those that have ended and are not yet swept away"),
    format: formatFlag,
  },
  run: () => import("./locks-ls.ts"),
});

export const locksRm = defineCommand({
  path: ["locks", "rm"],
  summary: "remove locks",
  example: "tctl locks rm 82d39d0c-a44d-4e59-80e0-4f6502b23706",
  arguments: { id: required("id of a lock"), more: many("ids of others") },
  run: () => import("./locks-rm.ts"),
});

export const auditLs = defineCommand({
  path: ["audit", "ls"],
  summary: "list audit events, newest first",
  example: "tctl audit ls --kind=user.login --user=alice --last=24h",
  flags: {
    kind: list("event types, such as user.login", { placeholder: "TYPES" }),
    user: string("events of this user"),
    device: string("events of this device", { placeholder: "TAG" }),
    from: string("not before", { placeholder: "TIME" }),
    to: string("not after", { placeholder: "TIME" }),
    last: duration("not older than"),
    limit: string("how many at most", { default: "100", placeholder: "N" }),
    format: formatFlag,
  },
  run: () => import("./audit-ls.ts"),
});

export const explain = defineCommand({
  path: ["explain"],
  summary: "show why somebody was refused, and what would help",
  example: "tctl explain 019aa5f3-6c1e-7d3a-9b1f-0c2d4e6f8a10",
  arguments: { id: required("id that the refusal showed") },
  flags: { format: formatFlag },
  run: () => import("./explain.ts"),
});

export const authExport = defineCommand({
  path: ["auth", "export"],
  summary: "print the public keys of an authority, for sshd and TLS servers",
  example: "tctl auth export --type=trusted-user-ca > /etc/ssh/gatehouse-ca.pub",
  flags: {
    type: choice(
      ["user", "host", "openssh", "trusted-user-ca", "tls-user", "tls-host", "db", "db-client"],
      "authority and form",
      { required: true, placeholder: "TYPE" },
    ),
  },
  run: () => import("./auth-export.ts"),
});

export const authSign = defineCommand({
  path: ["auth", "sign"],
  summary: "issue the certificate of a database server, and print how the server uses it",
  example: "tctl auth sign --format=db --host=db.example.com --out=server --ttl=2190h",
  flags: {
    format: choice(["db", "mysql", "redis"], "kind of server; db is PostgreSQL", {
      required: true,
      placeholder: "FORMAT",
    }),
    host: list("names and addresses of the server", { required: true, placeholder: "NAMES" }),
    out: string("path of the files without their endings", { required: true, placeholder: "PATH" }),
    ttl: duration("life of the certificate", { default: 90 * 24 * hour }),
    overwrite: boolean("replace files that are there"),
  },
  run: () => import("./auth-sign.ts"),
});

export const nodesLs = defineCommand({
  path: ["nodes", "ls"],
  summary: "list SSH servers",
  example: "tctl nodes ls env=prod",
  arguments: { labels: many("only nodes with these labels: key=value") },
  flags: {
    search: list("only nodes that contain these words", { placeholder: "WORDS" }),
    verbose: boolean("do not shorten cells", { short: "v" }),
    format: formatFlag,
  },
  run: () => import("./nodes-ls.ts"),
});

export const alertsLs = defineCommand({
  path: ["alerts", "ls"],
  summary: "list alerts",
  example: "tctl alerts ls --verbose",
  flags: {
    verbose: boolean("also those that somebody acknowledged", { short: "v" }),
    format: formatFlag,
  },
  run: () => import("./alerts-ls.ts"),
});

export const alertsCreate = defineCommand({
  path: ["alerts", "create"],
  summary: "raise an alert, which people see at their login",
  example: 'tctl alerts create --severity=high "the cluster rests on Sunday"',
  arguments: { message: required("one line of text") },
  flags: {
    severity: choice(["low", "medium", "high"], "how much it matters", { default: "low" }),
    ttl: duration("how long it lasts; a day when left out"),
    labels: list("who sees it, and where; everybody at their login when left out", {
      placeholder: "K=V",
    }),
  },
  run: () => import("./alerts-create.ts"),
});

export const alertsAckLs = defineCommand({
  path: ["alerts", "ack", "ls"],
  summary: "list the alerts that are quiet, and why",
  example: "tctl alerts ack ls",
  flags: { format: formatFlag },
  run: () => import("./alerts-ack-ls.ts"),
});

export const alertsAck = defineCommand({
  path: ["alerts", "ack"],
  summary: "quiet an alert for everybody, for a while",
  example: 'tctl alerts ack 6f8f2b4c-8a0e-4a44-9c42-0d8ab9a2a3c1 --reason="known" --ttl=48h',
  arguments: { id: required("id of the alert") },
  flags: {
    reason: string("why", { placeholder: "TEXT" }),
    ttl: duration("for how long; a day when left out"),
    clear: boolean("let it be seen again"),
  },
  run: () => import("./alerts-ack.ts"),
});
