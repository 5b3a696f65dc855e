/** What a Kubernetes cluster resource accepts, and what it refuses because clients put its name into files and addresses. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { withoutKubeconfig } from "./kube-cluster.ts";
import { parseResourceOf } from "./parse.ts";

function cluster(name: string, spec: object = {}) {
  return parseResourceOf("kube_cluster", { kind: "kube_cluster", metadata: { name }, spec });
}

test("a kubeconfig is base64, and left out of what everybody may see", () => {
  const secret = Buffer.from("apiVersion: v1\n").toString("base64");
  const whole = cluster("prod-eu.1", { kubeconfig: secret, dynamic_labels: {} });
  assert.equal(whole.spec.kubeconfig, secret);
  assert.equal(JSON.stringify(withoutKubeconfig(whole)).includes(secret), false);
});

for (const kubeconfig of ["apiVersion: v1", "!", "A".repeat(300_000)]) {
  test(`refuses the kubeconfig "${kubeconfig.slice(0, 20)}"`, () => {
    assert.throws(
      () => cluster("prod", { kubeconfig }),
      (error) => isFault(error, "invalid"),
    );
  });
}

for (const name of ["../prod", "a b", "-x", "x-", ".", "a;b", "a@b", "x".repeat(254)]) {
  test(`refuses the name "${name.slice(0, 20)}"`, () => {
    assert.throws(
      () => cluster(name),
      (error) => isFault(error, "invalid"),
    );
  });
}

test("no heartbeat carries a kubeconfig", () => {
  const server = (spec: object) => ({
    kind: "kube_server",
    metadata: { name: "prod" },
    spec: {
      hostname: "agent",
      host_id: "3a3ea7b5-0a3b-4f2d-8f8e-5d6a2f0a9c01",
      cluster: { kind: "kube_cluster", metadata: { name: "prod" }, spec },
    },
  });
  parseResourceOf("kube_server", server({}));
  assert.throws(
    () => parseResourceOf("kube_server", server({ kubeconfig: "YQ==" })),
    (error) => isFault(error, "invalid"),
  );
});
