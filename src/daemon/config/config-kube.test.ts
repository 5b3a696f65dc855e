/** The section `kubernetes_service`: what the agent receives, and what is said about mistakes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDiagnostic } from "#resource/yaml/diagnostic.ts";
import { checkConfig } from "./load.ts";

const kubeconfig = {
  "current-context": "prod",
  clusters: [
    { name: "c", cluster: { server: "https://10.0.0.1:6443", "certificate-authority": "ca.pem" } },
  ],
  users: [
    { name: "u", user: { tokenFile: "token" } },
    { name: "program", user: { exec: { command: "aws" } } },
  ],
  contexts: [{ name: "prod", context: { cluster: "c", user: "u" } }],
};

const inPod = "/var/run/secrets/kubernetes.io/serviceaccount";

function check(section: string, changes: Readonly<Record<string, unknown>> = {}) {
  const files: Readonly<Record<string, string>> = {
    "/etc/gatehouse/kubeconfig": JSON.stringify({ ...kubeconfig, ...changes }),
    "/etc/gatehouse/ca.pem": "PEM",
    "/etc/gatehouse/token": "s3cret\n",
    [`${inPod}/ca.crt`]: "PEM of the pod",
    [`${inPod}/token`]: "token of the pod\n",
  };
  return checkConfig(`version: v3\nkubernetes_service:\n  ${section}\n`, {
    source: "/etc/gatehouse/g.yaml",
    hostname: "machine",
    environment: { KUBERNETES_SERVICE_HOST: "10.96.0.1" },
    readText: (path) => {
      const found = files[path];
      if (found !== undefined) return found;
      throw Object.assign(Object.create(Error.prototype), { code: "ENOENT" });
    },
  });
}

function complaint(section: string, changes?: Readonly<Record<string, unknown>>): string {
  const { diagnostics } = check(section, changes);
  return diagnostics.map((one) => formatDiagnostic(one)).join("\n");
}

test("each context of a kubeconfig is a cluster; files are those beside it", () => {
  const { config } = check("kubeconfig_file: kubeconfig\n  labels: {env: prod}");
  const [cluster] = config?.kubernetes?.clusters ?? [];
  assert.deepEqual(cluster?.document.metadata, { name: "prod", labels: { env: "prod" } });
  assert.equal(cluster?.credential.server.href, "https://10.0.0.1:6443/");
  assert.equal(cluster?.credential.authorities, "PEM");
  assert.equal(cluster?.credential.token?.().reveal(), "s3cret");
  assert.equal(JSON.stringify(config).includes("s3cret"), false);
});

test("in a pod the cluster around it is reached with the service account", () => {
  const { config } = check("kube_cluster_name: here");
  const [cluster] = config?.kubernetes?.clusters ?? [];
  assert.equal(cluster?.document.metadata.name, "here");
  assert.equal(cluster?.credential.server.href, "https://10.96.0.1/");
  assert.equal(cluster?.credential.token?.().reveal(), "token of the pod");
});

test("an agent may serve only what administrators write", () => {
  const { config } = check("resources: [{labels: {env: dev}}]");
  assert.deepEqual(config?.kubernetes, { clusters: [], selectors: [{ env: ["dev"] }] });
});

const contexts = (user: string, name = "prod") => ({
  contexts: [{ name, context: { cluster: "c", user } }],
});
const server = (address: string) => ({
  clusters: [{ name: "c", cluster: { server: address } }],
});

for (const [what, section, changes, expected] of [
  ["no cluster at all", "labels: {}", {}, /names no Kubernetes cluster/],
  ["both ways at once", "kubeconfig_file: kubeconfig\n  kube_cluster_name: x", {}, /keep one of/],
  ["a file that is not there", "kubeconfig_file: nowhere", {}, /is no kubeconfig that can be read/],
  ["a program", "kubeconfig_file: kubeconfig", contexts("program"), /only tokens and client cert/],
  ["a user that is not there", "kubeconfig_file: kubeconfig", contexts("x"), /not in the file/],
  ["an address without TLS", "kubeconfig_file: kubeconfig", server("http://a"), /is not an https/],
  [
    "a name with a slash",
    "kubeconfig_file: kubeconfig",
    contexts("u", "a/b"),
    /the name "a\/b" must/,
  ],
  ["no context", "kubeconfig_file: kubeconfig", { contexts: [] }, /the file has no context/],
] as const) {
  test(`says what is wrong with ${what}`, () => {
    assert.match(complaint(section, changes), expected);
  });
}
