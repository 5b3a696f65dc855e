/** The official tctl with the profile that the official tsh wrote: reading, writing, people, tokens, locks. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Sides } from "../programs.ts";
import { type Expectation, eventually, expectRan, type Stage, type Step } from "../step.ts";
import { tctlResourceSteps } from "./tctl-resources.ts";

async function tctl({ desk }: Stage, words: string, expected: Expectation = {}): Promise<string> {
  const ran = await desk.tctl(...words.split(" "));
  expectRan(ran, expected);
  return ran.stdout;
}

/** As {@link tctl}, for what others may have to see first. */
async function tctlSoon(stage: Stage, words: string, expected: Expectation): Promise<string> {
  return eventually(() => tctl(stage, words, expected));
}

/** What is expected may depend on whose programs play. */
type Expected = Expectation | ((sides: Sides) => Expectation);

/** Steps of which each is one command. */
const commands: readonly (readonly [words: string, expected: Expected])[] = [
  [
    "status",
    { shows: [/^Cluster +ip-172-31-35-170/m, /^host CA/m, /^user CA/m, /CA pin +sha256:/] },
  ],
  ["get role/access", { shows: ["kind: role", "name: access", "version: v7"] }],
  [
    "get roles",
    // The preset of Device Trust is not in their open edition.
    ({ server }) => ({
      shows: ["name: editor", ...(server === "ours" ? ["name: require-trusted-device"] : [])],
    }),
  ],
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
  ["get kube_cluster", {}],
  ["get kube_server", {}],
  ["get app", {}],
  ["get app_server", {}],
  ["get proxies", { shows: ["kind: proxy"] }],
  ["get auth_server", { shows: ["kind: auth_server"] }],
  ["get connectors", {}],
  ["get trusted_cluster", {}],
  ["get all", { shows: ["kind: role", "kind: user", "kind: cluster_auth_preference"] }],
  ["get role/nope", { code: 1, shows: ["nope", "not found"] }],
  ["get user/nope", { code: 1, shows: ["nope", "not found"] }],
  [
    "get device/nope",
    ({ client }) =>
      client === "ours" ? { code: 1, shows: ['device "nope" not found'] } : { shows: ["[]"] },
  ],
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
      await tctlSoon(stage, "users ls", { shows: [/^bob +access,auditor/m] });
      await tctl(stage, "users reset bob", { shows: [/\/web\/reset\//] });
      await tctl(stage, "users rm bob", { shows: ['User "bob" has been deleted'] });
      await tctl(stage, "users rm bob", { code: 1, shows: ["bob"] });
    },
  },
  {
    name: "tctl tokens add, ls and rm",
    async run(stage) {
      const added = await tctl(stage, "tokens add --type=node", {
        shows: ["The invite token: ", "expire in 30 minutes", /ca.pin[=:] ?sha256:/],
      });
      const token = /The invite token: (\S+)/.exec(added)?.[1] ?? "";
      await tctlSoon(stage, "tokens ls", { shows: [token] });
      await tctl(stage, "tokens ls --format=json", { shows: [`"name": "${token}"`] });
      await tctl(stage, `tokens rm ${token}`, { shows: ["has been deleted"] });
      await tctlSoon(stage, "tokens ls", { hides: [token] });
      await tctl(stage, "tokens rm nope", { code: 1, shows: [/not found|no such token/] });
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
      const locks = await tctlSoon(stage, "get locks --format=json", { shows: ["hello"] });
      const [lock] = JSON.parse(locks) as { metadata: { name: string } }[];
      await tctl(stage, `get lock/${lock?.metadata.name}`, { shows: ["user: bob"] });
      await tctl(stage, `rm lock/${lock?.metadata.name}`, { shows: ["deleted"] });
      await tctl(stage, "lock", {
        code: stage.sides.client === "ours" ? 2 : 1,
        shows: ["at least one target field must be set"],
      });
    },
  },
  {
    name: "a lock ends what a person may do, and its removal restores it",
    async run(stage) {
      const { cluster, desk } = stage;
      const ssh = async (login: string, code: number) =>
        expectRan(await desk.tsh("ssh", `${login}@${cluster.nodename}`, "true"), { code });
      await tctl(stage, "lock --login=root");
      await eventually(() => ssh("root", 1));
      const locks = await tctlSoon(stage, "get locks --format=json", { shows: ["root"] });
      for (const { metadata } of JSON.parse(locks) as { metadata: { name: string } }[]) {
        await tctl(stage, `rm lock/${metadata.name}`);
      }
      await eventually(() => ssh("root", 0));
      await ssh("nobodyhere", 1);
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
        await tctl(stage, words, typeof expected === "function" ? expected(stage.sides) : expected);
      },
    }),
  ),
  ...tctlResourceSteps,
  ...people,
];
