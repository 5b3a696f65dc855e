/**
 * CVE-2025-49825: a certificate whose authority is itself a certificate, or the right key in other bytes. Class 1 of
 * docs/bug-classes.md, and class 7 (no authority configured) and 5 (an authority that is no longer trusted).
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { emptyView } from "#api/authority-documents.ts";
import { concat } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { readLogin } from "#node/session/login.ts";
import { parseCertificate } from "#ssh/certificate.ts";
import { Writer } from "#ssh/wire.ts";
import { answer } from "../support/hostile-ssh.ts";
import type { NodeCluster } from "../support/node-cluster.ts";
import { certify, createKey } from "../support/ssh-keys.ts";
import { attempt, startOpenNode, withAuthority } from "./ssh-node.ts";

let cluster: NodeCluster;

before(async () => {
  cluster = await startOpenNode();
});

after(() => cluster.close());

test("a certificate of the cluster's user authority logs in", async () => {
  const { certificate, key } = cluster.certify();
  const proven = await attempt(cluster, (client) => client.prove("root", certificate, key));
  assert.equal(proven, answer.success);
});

test("every other authority is refused, whatever its bytes say", async () => {
  const { certificate, key } = cluster.certify();
  const genuine = parseCertificate(certificate).authority;
  const forger = createKey();
  const { authorities } = cluster.auth.context;
  const inCertificate = certify(
    { ...forger, signer: { ...forger.signer, publicKey: genuine } } as typeof forger,
    forger,
  );
  const unknownType = new Writer().string("ssh-ed25519@evil").string(genuine.subarray(-32)).done();
  const forgeries: [string, Uint8Array][] = [
    ["the right key, signed by another", withAuthority(certificate, genuine, forger)],
    ["another key", withAuthority(certificate, forger.signer.publicKey, forger)],
    ["a certificate over the right key", withAuthority(certificate, inCertificate, forger)],
    ["a certificate of the holder", withAuthority(certificate, certificate, forger)],
    [
      "the right key with a byte more",
      withAuthority(certificate, concat(genuine, Uint8Array.of(0)), forger),
    ],
    ["a type that nobody knows", withAuthority(certificate, unknownType, forger)],
    ["nothing", withAuthority(certificate, new Uint8Array(), forger)],
    ["the host authority", withAuthority(certificate, authorities.ssh("host").publicKey, forger)],
  ];
  for (const [what, blob] of forgeries) {
    const query = await attempt(cluster, (client) => client.query("root", blob));
    assert.equal(query, answer.failure, `${what}, asked`);
    const proof = await attempt(cluster, (client) => client.prove("root", blob, key));
    assert.equal(proof, answer.failure, `${what}, proved`);
  }
});

test("a host certificate is no user certificate", async () => {
  const { key } = cluster.certify();
  const authority = cluster.auth.context.authorities.ssh("host");
  const host = certify(key, { ...key, signer: authority }, { type: "host" });
  const user = certify(key, { ...key, signer: authority });
  for (const blob of [host, user]) {
    const proof = await attempt(cluster, (client) => client.prove("root", blob, key));
    assert.equal(proof, answer.failure);
  }
});

test("a server that knows no authority, or knows it no longer, refuses every certificate", () => {
  const { certificate } = cluster.certify();
  const server = { id: "x", hostname: "x", labels: {} };
  const empty = emptyView();
  const foreign = { ...empty, userAuthorities: [createKey().signer.publicKey] };
  for (const view of [empty, foreign]) {
    assert.throws(
      () =>
        readLogin(parseCertificate(certificate), "root", "127.0.0.1", {
          view,
          server,
          now: new Date(),
        }),
      (error) => isFault(error, "unproven"),
    );
  }
});
