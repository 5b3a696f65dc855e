/**
 * CVE-2026-39828, GO-2026-5023: restrictions of a certificate that are lost on one way in. Classes 3 and 4 of
 * docs/bug-classes.md: critical options and the source address hold for the question and for the proof; class 6:
 * security keys, whose touch nobody checks here, are not accepted at all.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Writer } from "#ssh/wire.ts";
import { answer } from "../support/hostile-ssh.ts";
import type { NodeCluster } from "../support/node-cluster.ts";
import { certify, createKey } from "../support/ssh-keys.ts";
import { attempt, startOpenNode } from "./ssh-node.ts";

let cluster: NodeCluster;

before(async () => {
  cluster = await startOpenNode();
});

after(() => cluster.close());

/** The answers to a question and to a proof. */
function tryBoth(blob: Uint8Array, key: ReturnType<typeof createKey>): Promise<unknown[]> {
  return Promise.all([
    attempt(cluster, (client) => client.query("root", blob)),
    attempt(cluster, (client) => client.prove("root", blob, key)),
  ]);
}

const refused = [answer.failure, answer.failure];

/** A certificate of the real authority that no service of ours would issue. */
function restricted(criticalOptions: Readonly<Record<string, string>>, extensions = {}) {
  const key = createKey();
  const authority = { ...key, signer: cluster.auth.context.authorities.ssh("user") };
  const roles = JSON.stringify({ version: "v1", roles: ["access"] });
  const traits = JSON.stringify({ logins: ["root"] });
  const blob = certify(key, authority, {
    criticalOptions,
    extensions: { "teleport-roles": roles, "teleport-traits": traits, ...extensions },
  });
  return { blob, key };
}

test("without restrictions the same certificate is accepted", async () => {
  const { blob, key } = restricted({});
  assert.deepEqual(await tryBoth(blob, key), [answer.acceptable, answer.success]);
});

test("a critical option that is not enforced refuses the certificate", async () => {
  const unknown: Record<string, string>[] = [
    { "force-command": "/bin/true" },
    { "verify-required": "" },
    { "unknown@example.com": "x" },
  ];
  for (const options of unknown) {
    const { blob, key } = restricted(options);
    assert.deepEqual(await tryBoth(blob, key), refused, String(Object.keys(options)));
  }
});

test("a certificate that is bound to an address is refused from another one, asked and proved", async () => {
  const pinned = cluster.certify({ pinnedIp: "192.0.2.7" });
  assert.deepEqual(await tryBoth(pinned.certificate, pinned.key), refused);
  const here = cluster.certify({ pinnedIp: "127.0.0.1" });
  const accepted = [answer.acceptable, answer.success];
  assert.deepEqual(await tryBoth(here.certificate, here.key), accepted);
});

test("an address that cannot be read, or a range, refuses rather than widens", async () => {
  for (const address of ["0.0.0.0/0", "127.0.0.1/8", "127.0.0.1", "localhost/32", ""]) {
    const { blob, key } = restricted({ "source-address": address });
    assert.deepEqual(await tryBoth(blob, key), refused, address);
  }
});

test("a certificate that is limited to resources which are not understood is refused", async () => {
  const { blob, key } = restricted({}, { "teleport-allowed-resources": "/cluster/node/x" });
  assert.deepEqual(await tryBoth(blob, key), refused);
});

test("security keys are refused: nobody checks that they were touched", async () => {
  const { key } = restricted({});
  const security = new Writer()
    .string("sk-ssh-ed25519@openssh.com")
    .string(key.signer.publicKey.subarray(-32))
    .string("ssh:")
    .done()
    .slice();
  assert.deepEqual(await tryBoth(security, key), refused);
});
