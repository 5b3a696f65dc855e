/**
 * Kubernetes from `tctl tokens add` to `kubectl get pods`, with the programs that people type: an agent that joined with a
 * token in front of a double of the API server (test/support/kube-double), `tsh kube` as kubectl's plugin, and a role that
 * demands a device.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { AgentHost } from "../support/cluster/agent-host.ts";
import { enroll, logInAt } from "../support/cluster/login.ts";
import type { Machine } from "../support/cluster/machine.ts";
import { Cluster } from "../support/cluster.ts";
import { agentGrant, KubeDouble } from "../support/kube-double/server.ts";
import { kubectlPrograms } from "../support/kubectl-programs.ts";

const [, kubectl] = kubectlPrograms();

let cluster: Cluster;
let double: KubeDouble;
let agent: AgentHost;
let owner: Machine;

before(async () => {
  cluster = await Cluster.start();
  double = await KubeDouble.start({
    tokens: { "agent-token": { user: "system:serviceaccount:gatehouse:agent", groups: [] } },
    grants: [agentGrant, { groups: ["developers"], verbs: ["*"], resources: ["*"] }],
  });
  double.addPod("web", "front");
  const printed = await cluster.admin("tokens", "add", "--type=kube");
  const line = (key: string) => new RegExp(`^ *${key}: \\S+$`, "m").exec(printed)?.[0] ?? "";
  const folder = join(cluster.folder, "kube-agent");
  const kubeconfig = join(cluster.folder, "agent-kubeconfig");
  writeFileSync(kubeconfig, double.kubeconfig("agent-token", "prod"), { mode: 0o600 });
  const config = `version: v3
teleport:
  nodename: kube-agent
  data_dir: ${folder}/data
${["proxy_server", "auth_token", "ca_pin"].map(line).join("\n")}
auth_service: {enabled: no}
proxy_service: {enabled: no}
ssh_service: {enabled: no}
kubernetes_service:
  kubeconfig_file: ${kubeconfig}
  labels: {env: prod}
`;
  agent = new AgentHost(folder, config);
  await agent.until(" ready ");
  await cluster.store(`kind: role
version: v7
metadata: {name: kube-dev}
spec:
  options: {device_trust_mode: required}
  allow:
    kubernetes_labels: {env: prod}
    kubernetes_groups: [developers]
    kubernetes_resources:
    - {kind: "*", namespace: "*", name: "*", verbs: ["*"]}
`);
  const roles = ["kube-dev", "editor"];
  ({ machine: owner } = await logInAt(cluster, { serial: "OWNER0001", name: "alice", roles }));
});

after(async () => {
  await agent?.stop();
  await double?.close();
  await cluster?.close();
});

/** kubectl on somebody's machine, with the configuration that `tsh kube login` wrote. */
function run(machine: Machine, ...args: string[]) {
  return machine.run(kubectl?.path ?? "kubectl", args);
}

test("tsh kube ls lists what the roles let somebody see", async () => {
  const { stdout } = await owner.tsh("kube", "ls");
  assert.match(stdout, /^Kube Cluster Name +Labels +Selected/);
  assert.match(stdout, /^prod +env=prod/m);
  const json = JSON.parse((await owner.tsh("kube", "ls", "--format=json")).stdout);
  assert.equal(json[0].metadata.name, "prod");
});

test("tsh kube login leads kubectl to the cluster, and a role demands a device", async () => {
  const login = await owner.tsh("kube", "login", "prod");
  assert.match(login.stdout, /^Logged into Kubernetes cluster "prod"\.\n/, login.stderr);
  const refused = await run(owner, "get", "pods", "-n", "web");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /access to resource requires a trusted device/);
  await enroll(owner);
  const got = await run(owner, "get", "pods", "-n", "web");
  assert.match(got.stdout, /^front /m, got.stderr);
  const { stdout } = await owner.tsh("kube", "ls");
  assert.match(stdout, /^prod +env=prod +\*/m);
});

test("no key on disk opens the cluster, on this machine or another", async () => {
  const files = readdirSync(owner.home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const withUse = files.filter((file) => readFileSync(file, "latin1").includes("usage:kube"));
  assert.deepEqual(withUse, []);
  const thief = await cluster.machine("THIEF0001");
  owner.copyHomeTo(thief);
  const config = join(thief.home, ".kube", "config");
  writeFileSync(config, readFileSync(config, "utf8").replaceAll(owner.home, thief.home));
  const refused = await run(thief, "get", "pods", "-n", "web");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /requires a trusted device/);
});

test("a posture rule is asked with what is known of the device, and ends what is open", async () => {
  const storeRules = (...rules: readonly string[]) =>
    cluster.store(
      `kind: cluster_auth_preference\nversion: v2\nspec: {device_trust: {posture: ${JSON.stringify(rules)}}}\n`,
    );
  await storeRules("device.owner == user.metadata.name");
  const got = await run(owner, "get", "pods", "-n", "web");
  assert.match(got.stdout, /^front /m, got.stderr);
  const watch = owner.open(kubectl?.path ?? "kubectl", "get", "pods", "-n", "web", "--watch");
  await watch.until(/front /);
  await storeRules('device.owner == "somebody else"');
  await watch.end();
  const refused = await run(owner, "get", "pods", "-n", "web");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /the device does not meet a posture rule: device\.owner ==/);
  await storeRules();
});

test("tsh proxy kube opens a port for programs, with keys in memory only", async () => {
  const proxy = owner.open("tsh", "proxy", "kube", "prod");
  await proxy.until(/kubectl version/);
  const file = /KUBECONFIG=(\S+)/.exec(proxy.screen)?.[1] ?? assert.fail(proxy.screen);
  const got = await run(owner, `--kubeconfig=${file}`, "get", "pods", "-n", "web");
  assert.match(got.stdout, /^front /m, got.stderr);
  const port = /127\.0\.0\.1:(\d+)/.exec(proxy.screen)?.[1];
  const plain = await run(
    owner,
    `--server=https://127.0.0.1:${port}`,
    "--insecure-skip-tls-verify",
    "--kubeconfig=/dev/null",
    "version",
  );
  assert.notEqual(plain.code, 0);
  proxy.type("\x03");
  await proxy.end();
});

test("what is refused can be explained by its id", async () => {
  await cluster.store(`kind: role
version: v7
metadata: {name: kube-none}
spec:
  allow:
    kubernetes_labels: {env: prod}
    kubernetes_groups: [developers]
    kubernetes_resources:
    - {kind: configmap, namespace: web, name: "*", verbs: [get]}
`);
  const wish = { serial: "LAPTOP002", name: "bob", roles: ["kube-none"], tpm: false };
  const { machine } = await logInAt(cluster, wish);
  assert.equal((await machine.tsh("kube", "login", "prod")).code, 0);
  const refused = await run(machine, "get", "pods", "-n", "web");
  const id = /tctl explain ([0-9a-f-]{36})/.exec(refused.stderr)?.[1];
  assert.ok(id, refused.stderr);
  const told = await cluster.admin("explain", id);
  assert.match(told, /no role allows list on pods in the namespace "web"/);
  const unknown = await machine.tsh("kube", "login", "nope");
  assert.match(unknown.stderr, /kubernetes cluster "nope" not found\n\nhint: .*tsh kube ls/);
});
