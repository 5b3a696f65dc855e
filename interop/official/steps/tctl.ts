/** The official tctl with the profile that the official tsh wrote: reading, writing, people, tokens, locks. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Expectation, expectRan, type Stage, type Step } from "../step.ts";
import { tctlResourceSteps } from "./tctl-resources.ts";

async function tctl({ desk }: Stage, words: string, expected: Expectation = {}): Promise<string> {
  const ran = await desk.tctl(...words.split(" "));
  expectRan(ran, expected);
  return ran.stdout;
}

/** Steps of which each is one command. */
const commands: readonly (readonly [words: string, expected: Expectation])[] = [
  [
    "status",
    { shows: [/^Cluster +ip-172-31-35-170/m, /^host CA/m, /^user CA/m, /CA pin +sha256:/] },
  ],
  ["get role/access", { shows: ["kind: role", "name: access", "version: v7"] }],
  ["get roles", { shows: ["name: editor", "name: require-trusted-device"] }],
  ["get users", { shows: ["kind: user", "name: alice"] }],
  ["get user/alice --format=json", { shows: ['"name": "alice"'] }],
  ["get nodes", { shows: ["kind: node", "hostname: ip-172-31-35-170"] }],
  ["get cap", { shows: ["kind: cluster_auth_preference", "type: local"] }],
  ["get cluster_networking_config", { shows: ["kind: cluster_networking_config"] }],
  ["get session_recording_config", { shows: ["kind: session_recording_config"] }],
  ["get cert_authority", { shows: ["kind: cert_authority", "type: host"] }],
  ["get tokens", {}],
  ["get locks", {}],
  ["get devices", {}],
  ["get remote_cluster", {}],
  ["get db", {}],
  ["get db_server", {}],
  // Their editor role has no rule for this kind either.
  [
    "get kube_cluster",
    { code: 1, shows: ['access denied to perform action "list" on "kube_cluster"'] },
  ],
  ["get kube_server", {}],
  // Their editor role has no rule for this kind either.
  ["get app", { code: 1, shows: ['access denied to perform action "list" on "app"'] }],
  ["get app_server", {}],
  ["get proxies", { shows: ["kind: proxy"] }],
  ["get auth_server", { shows: ["kind: auth_server"] }],
  ["get connectors", {}],
  ["get trusted_cluster", {}],
  ["get all", { shows: ["kind: role", "kind: user", "kind: cluster_auth_preference"] }],
  ["get role/nope", { code: 1, shows: ["nope", "not found"] }],
  ["get user/nope", { code: 1, shows: ["nope", "not found"] }],
  ["get device/nope", { shows: ["[]"] }],
  ["users ls", { shows: [/^User +Roles/m, /^alice +access,auditor,editor/m] }],
  ["nodes ls", { shows: [/^ip-172-31-35-170/m] }],
  ["db ls", {}],
  ["kube ls", {}],
  ["apps ls", {}],
  ["alerts ls", {}],
  ["requests ls", {}],
  ["acl ls", {}],
  ["bots ls", {}],
  ["inventory ls", {}],
  ["tokens ls", {}],
  ["devices ls", {}],
  ["auth export --type=user", { shows: ["cert-authority"] }],
  ["auth export --type=tls-host", { shows: ["BEGIN CERTIFICATE"] }],
  ["recordings ls", {}],
];

const people: readonly Step[] = [
  {
    name: "tctl users add, ls, update, reset and rm",
    async run(stage) {
      await tctl(stage, "users add bob --roles=access --logins=root", {
        shows: ['User "bob" has been created', /https:\/\/localhost:\d+\/web\/invite\/\S+/],
      });
      await tctl(stage, "users add bob --roles=access", { code: 1, shows: ["already"] });
      await tctl(stage, "users add carol --roles=nope", { code: 1, shows: ["nope"] });
      await tctl(stage, "users update bob --set-roles=access,auditor", { shows: ["bob"] });
      await tctl(stage, "users update bob --set-logins=root,ubuntu");
      await tctl(stage, "users ls", { shows: [/^bob +access,auditor/m] });
      await tctl(stage, "users reset bob", { shows: [/\/web\/reset\//] });
      await tctl(stage, "users rm bob", { shows: ['User "bob" has been deleted'] });
      await tctl(stage, "users rm bob", { code: 1, shows: ["bob"] });
    },
  },
  {
    name: "tctl tokens add, ls and rm",
    async run(stage) {
      const added = await tctl(stage, "tokens add --type=node", {
        shows: ["The invite token: ", "expire in 30 minutes", "--ca-pin=sha256:"],
      });
      const token = /The invite token: (\S+)/.exec(added)?.[1] ?? "";
      await tctl(stage, "tokens ls", { shows: [token] });
      await tctl(stage, "tokens ls --format=json", { shows: [`"name": "${token}"`] });
      await tctl(stage, `tokens rm ${token}`, { shows: ["has been deleted"] });
      await tctl(stage, "tokens ls", { hides: [token] });
      await tctl(stage, "tokens rm nope", { code: 1, shows: ["not found"] });
    },
  },
  {
    name: "tctl nodes add",
    run: async (stage) => {
      await tctl(stage, "nodes add", { shows: ["The invite token: "] });
    },
  },
  {
    name: "tctl lock, and get, rm of locks",
    async run(stage) {
      await tctl(stage, "lock --user=bob --message=hello --ttl=1h", {
        shows: ["Created a lock with name"],
      });
      const locks = await tctl(stage, "get locks --format=json", { shows: ["hello"] });
      const [lock] = JSON.parse(locks) as { metadata: { name: string } }[];
      await tctl(stage, `get lock/${lock?.metadata.name}`, { shows: ["user: bob"] });
      await tctl(stage, `rm lock/${lock?.metadata.name}`, { shows: ["deleted"] });
      await tctl(stage, "lock", { code: 1, shows: ["at least one target field must be set"] });
    },
  },
  {
    name: "a lock ends what a person may do, and its removal restores it",
    async run(stage) {
      const { cluster, desk } = stage;
      const [node, login] = [`nobodyhere@${cluster.nodename}`, "lock --login=root"];
      await tctl(stage, login);
      expectRan(await desk.tsh("ssh", `root@${cluster.nodename}`, "true"), { code: 1 });
      const locks = await tctl(stage, "get locks --format=json");
      for (const { metadata } of JSON.parse(locks) as { metadata: { name: string } }[]) {
        await tctl(stage, `rm lock/${metadata.name}`);
      }
      expectRan(await desk.tsh("ssh", `root@${cluster.nodename}`, "true"));
      expectRan(await desk.tsh("ssh", node, "true"), { code: 1 });
    },
  },
  {
    name: "tctl auth sign writes an identity file that tctl and tsh take",
    async run(stage) {
      const { desk, cluster } = stage;
      const file = join(desk.home, "identity");
      await tctl(stage, `auth sign --user=third --out=${file} --ttl=1h`, {
        shows: [file],
      });
      const flags = [`--auth-server=${cluster.proxy}`, `--identity=${file}`];
      expectRan(await desk.tctl(...flags, "users", "ls"), { shows: ["alice"] });
      const tsh = await desk.tsh(`--proxy=${cluster.proxy}`, `--identity=${file}`, "ls");
      expectRan(tsh, { shows: [cluster.nodename] });
    },
  },
  {
    name: "tctl create of several resources in one file",
    async run(stage) {
      const file = join(stage.desk.home, "several.yaml");
      const role = (name: string) =>
        `kind: role\nversion: v7\nmetadata:\n  name: ${name}\nspec:\n  allow:\n    logins: [root]\n`;
      writeFileSync(file, `${role("one")}---\n${role("two")}`);
      await tctl(stage, `create -f ${file}`, { shows: ['role "one"', 'role "two"'] });
      await tctl(stage, "rm role/one");
      await tctl(stage, "rm role/two");
    },
  },
];

/** The steps. */
export const tctlSteps: readonly Step[] = [
  ...commands.map(
    ([words, expected]): Step => ({
      name: `tctl ${words}`,
      run: async (stage) => {
        await tctl(stage, words, expected);
      },
    }),
  ),
  ...tctlResourceSteps,
  ...people,
];
