/**
 * CVE-2024-45337, GHSA-pchf-49fh-w34r: offer key A, sign with key B, and become A. Class 2 of docs/bug-classes.md; and
 * class 16, the methods that need no key at all.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Writer } from "#ssh/wire.ts";
import { answer } from "../support/hostile-ssh.ts";
import type { NodeCluster } from "../support/node-cluster.ts";
import { createKey } from "../support/ssh-keys.ts";
import { attempt, startOpenNode } from "./ssh-node.ts";

let cluster: NodeCluster;

before(async () => {
  cluster = await startOpenNode();
});

after(() => cluster.close());

test("a victim's certificate that was offered and accepted gives nothing to who signs with another key", async () => {
  const victim = cluster.certify();
  const attacker = cluster.certify({ username: "mallory", logins: [] });
  const other = createKey();
  await attempt(cluster, async (client) => {
    assert.equal(await client.query("root", victim.certificate), answer.acceptable);
    const signed = await client.prove("root", victim.certificate, other);
    assert.equal(signed, answer.failure, "signed by any key");
    const { certificate, key } = attacker;
    assert.equal(await client.query("root", victim.certificate), answer.acceptable);
    assert.equal(await client.prove("root", certificate, key), answer.failure, "signed as oneself");
  });
});

test("a signature over another certificate, account or session proves nothing", async () => {
  const victim = cluster.certify();
  const { key, certificate } = cluster.certify();
  await attempt(cluster, async (client) => {
    for (const lie of [
      { signer: key },
      { signer: key, signedBlob: certificate },
      { signedLogin: "nobody" },
    ]) {
      const proof = await client.prove("root", victim.certificate, victim.key, lie);
      assert.equal(proof, answer.failure, JSON.stringify(Object.keys(lie)));
    }
    const proof = await client.prove("root", victim.certificate, victim.key);
    assert.equal(proof, answer.success, "the honest proof still works");
  });
});

test("a failed attempt leaves nothing behind: no session opens after it", async () => {
  const victim = cluster.certify();
  await attempt(cluster, async (client) => {
    await client.query("root", victim.certificate);
    await client.prove("root", victim.certificate, createKey());
    assert.equal(await client.openSession(), undefined);
    assert.ok(client.cutOff);
  });
});

test("no method without a key passes, least of all with empty answers", async () => {
  const text = (...values: string[]) => {
    const writer = new Writer();
    for (const value of values) writer.string(value);
    return writer.done().slice();
  };
  await attempt(cluster, async (client) => {
    assert.equal(await client.method("root", "none", new Uint8Array()), answer.failure);
    const password = new Writer().boolean(false).string("").done().slice();
    assert.equal(await client.method("root", "password", password), answer.failure);
    const interactive = await client.method("root", "keyboard-interactive", text("", ""));
    assert.equal(interactive, answer.failure);
    assert.equal(await client.method("root", "hostbased", text("", "")), answer.failure);
    assert.equal(await client.openSession(), undefined);
  });
});
