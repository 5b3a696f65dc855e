/** Which keys a login makes for what a cluster says about signatures. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { generateLoginKeys } from "#client/cluster/keys.ts";

for (const [suite, ssh, tls] of [
  ["balanced-v1", "ed25519", "ec"],
  ["of-tomorrow", "ed25519", "ec"],
  ["legacy", "rsa", "rsa"],
  ["fips-v1", "ec", "ec"],
] as const) {
  test(`${suite}: ${ssh} for SSH and ${tls} for TLS, two keys`, async () => {
    const keys = await generateLoginKeys(suite);
    assert.equal(keys.ssh.asymmetricKeyType, ssh);
    assert.equal(keys.tls.asymmetricKeyType, tls);
    assert.notEqual(keys.ssh, keys.tls);
  });
}

test("a cluster that names no suite certifies one RSA key for both", async () => {
  const keys = await generateLoginKeys("");
  assert.equal(keys.ssh.asymmetricKeyType, "rsa");
  assert.equal(keys.ssh, keys.tls);
});
