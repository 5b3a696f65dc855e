/**
 * CVE-2026-35414: a principal that holds a comma, and a check that splits it. Class 8 of docs/bug-classes.md: such names
 * are never issued, and never taken apart where somebody else issued them.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { issueUserCertificates } from "#auth/authority/issue.ts";
import { concat } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { parseCertificate } from "#ssh/certificate.ts";
import { Writer } from "#ssh/wire.ts";
import { logIn } from "../support/auth-person.ts";
import { startTestAuth } from "../support/auth-service.ts";
import { answer } from "../support/hostile-ssh.ts";
import { makeUser } from "../support/identity.ts";
import { clusterName, type NodeCluster } from "../support/node-cluster.ts";
import { createKey } from "../support/ssh-keys.ts";
import { attempt, startOpenNode } from "./ssh-node.ts";

const hostile = ["root,admin", "a,root", "root root", " root", "root\0x", "root\n", "*", "ro*", ""];

let cluster: NodeCluster;

before(async () => {
  cluster = await startOpenNode();
});

after(() => cluster.close());

test("no user gets a certificate for a login that could be split", () => {
  const publicKey = createKey().signer.publicKey;
  for (const login of hostile.filter((name) => name !== "*" && name !== "ro*")) {
    const expires = new Date(Date.now() + 60_000);
    const identity = makeUser({ cluster: clusterName, logins: [login], expires });
    assert.throws(
      () => issueUserCertificates(cluster.auth.context, identity, { ssh: publicKey }),
      (error) => isFault(error, "invalid"),
      JSON.stringify(login),
    );
  }
});

test("a login from a trait of a user that could be split never becomes a principal", async () => {
  const auth = await startTestAuth();
  for (const [index, login] of ["root,admin", "root admin", "root\tadmin"].entries()) {
    const name = `user${index}`;
    const user = await auth.auth.context.stores.users.create({
      kind: "user",
      version: "v2",
      metadata: { name },
      spec: { roles: ["access"], traits: { logins: [login, "plain"] } },
    } as never);
    assert.equal(user.metadata.name, name);
    const outcome = await logIn(auth, name).then(
      async (person) => {
        await person.client.close();
        return person.identity.logins;
      },
      () => [] as readonly string[],
    );
    assert.ok(!outcome.some((each) => /[,\s]/.test(each)), JSON.stringify(outcome));
  }
  await auth.close();
});

test("a foreign certificate with such a principal opens no account that is a part of it", async () => {
  for (const principal of hostile) {
    const { certificate, key } = withPrincipal(principal);
    const proof = await attempt(cluster, (client) => client.prove("root", certificate, key));
    assert.equal(proof, answer.failure, JSON.stringify(principal));
  }
  const { certificate, key } = withPrincipal("root");
  const proof = await attempt(cluster, (client) => client.prove("root", certificate, key));
  assert.equal(proof, answer.success);
});

/** A certificate that the real authority signed over any principal: what a broken issuer would make. */
function withPrincipal(principal: string) {
  const { certificate, key } = cluster.certify();
  const parsed = parseCertificate(certificate);
  const old = new Writer();
  for (const name of parsed.principals) old.string(name);
  const [before, behind] = splitAt(parsed.signed, new Writer().string(old.done()).done());
  const principals = new Writer().nested((inner) => void inner.string(principal)).done();
  const covered = concat(before, principals, behind);
  const signature = cluster.auth.context.authorities.ssh("user").sign(covered, "ssh-ed25519");
  return { certificate: concat(covered, new Writer().string(signature).done()), key };
}

function splitAt(bytes: Uint8Array, part: Uint8Array): [Uint8Array, Uint8Array] {
  const at = Buffer.from(bytes).indexOf(part);
  assert.ok(at > 0);
  return [bytes.subarray(0, at), bytes.subarray(at + part.length)];
}
