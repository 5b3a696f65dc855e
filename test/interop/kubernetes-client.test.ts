/** @kubernetes/client-node as the judge: lists, objects, watches and exec through the proxy and a Kubernetes agent. */
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { KubeTestCluster } from "../support/kube-cluster.ts";
import { type KubernetesClient, kubernetesClient } from "../support/kubernetes-client.ts";

let cluster: KubeTestCluster;
let client: KubernetesClient;

before(async () => {
  client = await kubernetesClient();
  cluster = await KubeTestCluster.start();
  cluster.double.addPod("web", "front");
  cluster.double.addPod("web", "back");
  await cluster.setRole("web-only", {
    allow: {
      kubernetes_labels: { env: "dev" },
      kubernetes_groups: ["system:masters"],
      kubernetes_resources: [{ kind: "pod", namespace: "web", name: "front*", verbs: ["*"] }],
    },
  });
});

after(() => cluster?.close());

function configFor(roles: readonly string[]) {
  const config = new client.KubeConfig();
  config.loadFromFile(cluster.kubeconfigFor(roles));
  return config;
}

test("lists are filtered, and a refusal is a Status that the client reads", async () => {
  const api = configFor(["web-only"]).makeApiClient(client.CoreV1Api);
  const { items } = await api.listNamespacedPod({ namespace: "web" });
  assert.deepEqual(
    items.map(({ metadata }) => metadata?.name),
    ["front"],
  );
  await assert.rejects(api.readNamespacedPod({ namespace: "web", name: "back" }), (error) => {
    const { code, body } = error as { code: number; body: string };
    assert.equal(code, 403);
    assert.match(body, /no role allows get on pods/);
    return true;
  });
});

test("objects are created", async () => {
  const api = configFor(["kube-admin"]).makeApiClient(client.CoreV1Api);
  const body = { metadata: { name: "made" }, data: { a: "1" } };
  const made = await api.createNamespacedConfigMap({ namespace: "web", body });
  assert.equal(made.metadata?.name, "made");
});

test("a watch tells what happens, filtered", async () => {
  const watch = new client.Watch(configFor(["web-only"]));
  const names: string[] = [];
  const stop = await new Promise<AbortController>((resolve, reject) => {
    let controller: AbortController | undefined;
    const onEvent = (type: string, { metadata }: { metadata?: { name?: string } }) => {
      names.push(`${type} ${metadata?.name}`);
      if (names.length === 1) {
        cluster.double.addPod("web", "hidden");
        cluster.double.addPod("web", "front-2");
      }
      if (names.length === 2 && controller !== undefined) resolve(controller);
    };
    watch
      .watch("/api/v1/namespaces/web/pods", {}, onEvent, () => {})
      .then((made) => {
        controller = made;
      }, reject);
  });
  stop.abort();
  assert.deepEqual(names, ["ADDED front", "ADDED front-2"]);
});

test("exec runs a program, and its status comes back", async () => {
  const exec = new client.Exec(configFor(["kube-admin"]));
  const stdout = new PassThrough();
  const command = ["sh", "-c", "echo out; exit 3"];
  const status = await new Promise<{ status?: string; message?: string }>((resolve, reject) => {
    exec.exec("web", "front", "main", command, stdout, null, null, false, resolve).catch(reject);
  });
  assert.equal(status.status, "Failure");
  assert.match(status.message ?? "", /exit status 3|exit code 3/);
  stdout.end();
  assert.equal(await text(stdout), "out\n");
});
