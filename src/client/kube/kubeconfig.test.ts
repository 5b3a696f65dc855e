/** Entries in a kubeconfig: what is written, and what stays as it was. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { isFault } from "#base/fault.ts";
import { addEntries, currentContext } from "./kubeconfig.ts";
import { kubeServerName } from "./server-name.ts";

const entry = {
  cluster: "example.com",
  kubeCluster: "prod",
  proxy: "proxy.example.com:443",
  authorities: ["PEM\n"],
  program: ["/usr/bin/tsh"],
};

test("an entry names the proxy and the plugin, and no key", () => {
  const written = addEntries("", [entry]);
  const { clusters, users, contexts } = parse(written);
  assert.equal(currentContext(written), "example.com-prod");
  assert.deepEqual(clusters[0].cluster, {
    "certificate-authority-data": "UEVNCg==",
    server: "https://proxy.example.com:443",
    "tls-server-name": "kube-teleport-proxy-alpn.proxy.example.com",
  });
  assert.deepEqual(users[0].user.exec.args, [
    "kube",
    "credentials",
    "--kube-cluster=prod",
    "--proxy=proxy.example.com:443",
  ]);
  assert.deepEqual(contexts[0].context, { cluster: "example.com", user: "example.com-prod" });
  assert.doesNotMatch(written, /client-key/);
});

test("what others wrote stays, and an entry of the same name is replaced", () => {
  const own = "# mine\napiVersion: v1\nclusters:\n- name: other # theirs\n  cluster: {server: x}\n";
  const once = addEntries(own, [entry]);
  const twice = addEntries(once, [{ ...entry, proxy: "other.example.com:443" }]);
  assert.match(twice, /^# mine\n/);
  assert.match(twice, /- name: other # theirs/);
  const { clusters, users } = parse(twice);
  assert.equal(clusters.length, 2);
  assert.equal(users.length, 1);
  assert.match(clusters[1].cluster.server, /other/);
});

for (const text of ["- a", "a: [", "text"]) {
  test(`leaves a file alone that is no kubeconfig: ${text}`, () => {
    assert.throws(
      () => addEntries(text, [entry]),
      (error) => isFault(error, "malformed"),
    );
  });
}

test("a proxy without a name of its own is known by the name of the protocol", () => {
  for (const proxy of ["localhost:3080", "127.0.0.1:3080", "[::1]:3080"]) {
    assert.equal(kubeServerName(proxy), "kube-teleport-proxy-alpn.teleport.cluster.local");
  }
});
