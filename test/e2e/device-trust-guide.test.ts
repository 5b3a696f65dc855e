/**
 * The administrators' guide, played: every command in docs/device-trust.md, and in the page on posture rules that belongs
 * to it, is typed here, by the person who would type it, as the page goes. A command that the page has and this story has not, or the other way round, is a failure.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type AtMachine, assertOpens, logInAt } from "../support/cluster/login.ts";
import type { Machine, Ran } from "../support/cluster/machine.ts";
import { Cluster } from "../support/cluster.ts";

const page = ["device-trust", "posture-rules"]
  .map((name) => readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), "utf8"))
  .join("\n");
const command = /^(tsh|tctl) \S/;

/** The commands of the page: lines of their own, and words in the text. */
const written = new Set(
  [
    ...page.split("\n").flatMap((line) => /^ {4,}(\S.*)$/.exec(line)?.[1] ?? []),
    ...[...page.matchAll(/`([^`\n]+)`/g)].map(([, words = ""]) => words),
  ].filter((words) => command.test(words)),
);

const played = new Set<string>();

let cluster: Cluster;
/** An administrator with a laptop, a person who may enroll, and one who may not. */
let ada: AtMachine;
let ben: AtMachine;
let cleo: AtMachine;

before(async () => {
  cluster = await Cluster.start();
  await cluster.admin("users", "rm", "myuser");
  const may = { ada: ["access", "editor", "auditor"], ben: ["access", "device-enroll"] };
  ada = await logInAt(cluster, { serial: "ADA001", name: "ada", roles: may.ada });
  ben = await logInAt(cluster, { serial: "BEN001", name: "ben", roles: may.ben });
  cleo = await logInAt(cluster, { serial: "CLEO001", name: "cleo", roles: ["access"] });
});

after(() => cluster?.close());

/** How a command of the page is typed. */
interface Typing {
  /** What stands in the places of the words in capitals. */
  readonly fill?: Readonly<Record<string, string>>;
  /** What the person changes in the editor, as a script of sed. */
  readonly edit?: string;
}

/** Types a command of the page on a machine. */
async function type({ machine }: Pick<AtMachine, "machine">, words: string, how: Typing = {}) {
  assert.ok(written.has(words), `the page does not say: ${words}`);
  played.add(words);
  const line = Object.entries(how.fill ?? {}).reduce(
    (text, [place, value]) => text.replaceAll(new RegExp(`\\b${place}\\b`, "g"), value),
    words,
  );
  const env = how.edit === undefined ? {} : { EDITOR: editorOf(machine, how.edit) };
  return machine.run("sh", ["-c", line], { env });
}

function editorOf(machine: Machine, script: string): string {
  return machine.script("editor", `#!/bin/sh\nsed -i '${script}' "$1"\n`);
}

/** The same, and it succeeds. */
async function does(at: Pick<AtMachine, "machine">, words: string, how?: Typing): Promise<string> {
  const ran = await type(at, words, how);
  assert.equal(ran.code, 0, `${words}:\n${ran.shown}`);
  return ran.stdout;
}

function tokenIn(printed: string): string {
  return /^The enrollment token: (\S+)$/m.exec(printed)?.[1] ?? assert.fail(printed);
}

function idIn({ shown }: Ran): string {
  return /tctl explain (\S+)/.exec(shown)?.[1] ?? assert.fail(shown);
}

test("1. the first device", async () => {
  const before = await type(ada, "tsh device doctor");
  assert.equal(before.code, 1, before.shown);
  assert.match(before.shown, /hint: .*tsh device enroll --current-device/);
  await does(ada, "tsh device enroll --current-device");
  assert.match(await does(ada, "tsh device status"), /^Missing: +nothing$/m);
  await does(ada, "tsh device doctor");
});

test("2. one role: what it takes is what the simulation said", async () => {
  const tried = await does(ada, "tctl devices simulate --mode=required --role=access");
  assert.match(tried, /^ben .*none/m);
  assert.match(tried, /keeps access from ADA001/);
  const edit = "s/^  options:$/  options:\\n    device_trust_mode: required/";
  await does(ada, "tctl edit role/access", { edit });
  await assertOpens(ada.machine, cluster.target);
  const refused = await ben.machine.tsh("ssh", cluster.target, "true");
  assert.equal(refused.code, 1, refused.shown);
  assert.match(await does(ada, "tctl explain ID", { fill: { ID: idIn(refused) } }), /access/);
});

test("3. the fleet is registered by hand and from a table, and enrolls with a token and without", async () => {
  const tag = (await does(ben, "tsh device asset-tag")).trim();
  assert.equal(tag, "BEN001");
  await does(ada, "tctl devices add --os=linux --asset-tag=TAG", { fill: { TAG: tag } });
  await does(ada, "tctl devices export > devices.csv");
  const table = join(ada.machine.home, "devices.csv");
  const [header = ""] = readFileSync(table, "utf8").split("\n", 1);
  assert.match(header, /\basset_tag\b.*\bos_type\b|\bos_type\b.*\basset_tag\b/);
  writeFileSync(table, "asset_tag,os_type,os_version\nCLEO001,linux,99\n");
  assert.match(await does(ada, "tctl devices import devices.csv --dry-run"), /1/);
  assert.doesNotMatch(await does(ada, "tctl devices ls"), /CLEO001/);
  await does(ada, "tctl devices import devices.csv");

  const fill = { TAG: tag };
  const token = tokenIn(await does(ada, "tctl devices enroll --asset-tag=TAG", { fill }));
  await does(ben, "tsh device enroll --token=TOKEN", { fill: { TOKEN: token } });
  await assertOpens(ben.machine, cluster.target);
});

/** Logs in as the guide says; a person types password and code. */
async function logsIn({ machine, person }: AtMachine): Promise<void> {
  played.add("tsh login");
  const login = await cluster.login(machine, person);
  assert.equal(login.code, 0, login.shown);
}

test("3. automatic enrollment refuses a machine that is not the one of the inventory, and says in the log why", async () => {
  await cluster.store(
    "kind: cluster_auth_preference\nversion: v2\nspec:\n  device_trust:\n    auto_enroll: true\n",
  );
  await logsIn(cleo);
  assert.equal((await cleo.machine.tsh("ssh", cluster.target, "true")).code, 1);
  await does(ada, "tctl audit ls --kind=device.token.create");
  const log = await cluster.admin("audit", "ls", "--kind=device.token.create", "--format=json");
  const { uid } = JSON.parse(log).find(({ success }: { success: boolean }) => !success);
  const why = await does(ada, "tctl explain ID", { fill: { ID: uid } });
  assert.match(why, /os_version is ".*", but the device profile says "99"/);
  const said = await does(cleo, "tsh device collect");
  const version = /"os_version": "([^"]+)"/.exec(said)?.[1] ?? assert.fail(said);
  const fill = { TAG: "CLEO001" };
  assert.match(await does(ada, "tctl get device/TAG", { fill }), /os_version: "?99/);
  writeFileSync(
    join(ada.machine.home, "devices.csv"),
    `asset_tag,os_type,os_version\nCLEO001,linux,${version}\n`,
  );
  await does(ada, "tctl devices import devices.csv");
  await logsIn(cleo);
  await assertOpens(cleo.machine, cluster.target);
  assert.match(await does(ada, "tctl devices ls"), /^CLEO001 .* enrolled .*cleo/m);
});

test("3. tokens that are out are seen and taken back", async () => {
  const token = tokenIn(await cluster.admin("devices", "enroll", "--asset-tag=BEN001"));
  assert.match(await does(ada, "tctl devices tokens ls"), /BEN001/);
  const listed = await cluster.admin("devices", "tokens", "ls", "--format=json");
  const fill = { ID: JSON.parse(listed)[0].id as string };
  assert.doesNotMatch(await does(ada, "tctl devices tokens show ID", { fill }), new RegExp(token));
  await does(ada, "tctl devices tokens rm ID", { fill });
  assert.equal((await ben.machine.tsh("device", "enroll", `--token=${token}`)).code, 1);
});

test("4. the switch", async () => {
  const tried = await does(ada, "tctl devices simulate --mode=required");
  assert.match(tried, /^Lost: +0 logins/m);
  const edit = "s/^  device_trust:$/  device_trust:\\n    mode: required/;s/^    mode: optional$//";
  await does(ada, "tctl edit cap", { edit });
  assert.match(await cluster.admin("get", "cap"), /^ +mode: required$/m);
  for (const { machine } of [ada, ben, cleo]) await assertOpens(machine, cluster.target);
});

test("4. somebody new gets a permission and a token, and is in", async () => {
  const dan = await logInAt(cluster, { serial: "DAN001", name: "dan", roles: ["access"] });
  const fill = { TAG: "DAN001", NAME: "dan", ROLES: "access,device-enroll" };
  await does(ada, "tctl users update NAME --set-roles=ROLES", { fill });
  played.add("tsh logout; tsh login");
  assert.equal((await dan.machine.tsh("logout")).code, 0);
  await logsIn(dan);
  const added = await does(ada, "tctl devices add --os=linux --asset-tag=TAG --enroll", { fill });
  await does(dan, "tsh device enroll --token=TOKEN", { fill: { TOKEN: tokenIn(added) } });
  await assertOpens(dan.machine, cluster.target);
});

test("posture rules are tried before they are set", async () => {
  await cluster.store(
    "kind: role\nversion: v7\nmetadata: {name: prod}\nspec: {allow: {logins: [root], node_labels: {'*': '*'}}}\n",
  );
  const boots = await does(ada, "tctl devices simulate --posture=device.secure_boot");
  assert.match(boots, /^ada /m);
  const age = `tctl devices simulate --role=prod --posture='at_most(device.data_age, "12h")'`;
  assert.match(await does(ada, age), /^Lost: +0 logins/m);
  const owner = "tctl devices simulate --posture='device.owner == user.metadata.name'";
  assert.match(await does(ada, owner), /^Lost: +0 logins/m);
});

test("5. every day: a machine that is lost, one that changes hands, and what was before", async () => {
  const fill = { TAG: "BEN001", NAME: "ben" };
  await does(ada, "tctl devices lock --asset-tag=TAG --message=lost", { fill });
  const refused = await ben.machine.tsh("ssh", cluster.target, "true");
  assert.match(refused.shown, /in force: lost/);
  const why = await does(ada, "tctl explain ID", { fill: { ID: idIn(refused) } });
  assert.match(why, /lost/);
  await does(ada, "tctl lock --user=NAME --ttl=12h", { fill });
  await does(ada, "tctl users reset NAME", { fill });

  const edit = "s/: enrolled$/: not_enrolled/";
  await does(ada, "tctl edit device/TAG", { fill: { TAG: "CLEO001" }, edit });
  assert.equal((await cleo.machine.tsh("ssh", cluster.target, "true")).code, 1);
  await does(ada, "tctl users rm NAME", { fill: { NAME: "cleo" } });
  assert.match(await does(ada, "tctl audit ls --kind=device.enroll --last=24h"), /CLEO001/);

  await does(ada, "tctl get devices > devices.yaml");
  await does(ada, "tctl devices rm --asset-tag=TAG", { fill: { TAG: "CLEO001" } });
  await does(ada, "tctl create -f devices.yaml");
  assert.match(await does(ada, "tctl devices ls"), /^CLEO001 .* not enrolled/m);
  await assertOpens(ada.machine, cluster.target);
});

test("every command of the page was typed", () => {
  assert.deepEqual(
    [...written].filter((words) => !played.has(words)),
    [],
  );
  assert.ok(written.size > 20, `the page has only ${written.size} commands`);
});
