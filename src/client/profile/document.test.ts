import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import { isFault } from "#base/fault.ts";
import { formatDocument, parseDocument } from "#client/profile/document.ts";

const document = {
  webProxyAddr: "localhost:3080",
  kubeProxyAddr: "localhost:3080",
  user: "alice",
  cluster: "teleport.example.com",
  tlsRouting: true,
  connectionUpgrade: false,
};

/** golden/profile-and-certificates.txt */
const golden = `web_proxy_addr: localhost:3080
ssh_proxy_addr: localhost:3080
kube_proxy_addr: localhost:3080
postgres_proxy_addr: localhost:3080
mysql_proxy_addr: localhost:3080
user: alice
cluster: teleport.example.com
dir: ""
tls_routing_enabled: true
mfa_mode: auto
private_key_policy: ""
piv_slot: ""
missingclusterdetails: false
`;

test("writes the document of the official client, byte for byte", () => {
  assert.equal(formatDocument(document), golden);
});

test("reads it back, and one with further keys, lists and comments of newer clients", async () => {
  assert.deepEqual(await parseDocument(golden), document);
  const newer = `# comment\n${golden}dynamic_forward_ports:\n  - "5000"\nsso_host: 'x'\nrelay_addr: ""\n`;
  assert.deepEqual(await parseDocument(newer), document);
});

test("every user name survives, also as YAML reads it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ minLength: 1 }), async (user) => {
      const text = formatDocument({ ...document, user });
      assert.equal((await parseDocument(text)).user, user);
      assert.equal(parse(text).user, user);
    }),
  );
});

for (const [name, text] of [
  ["an empty file", ""],
  ["no proxy", "user: alice\n"],
  ["a list", "- a\n- b\n"],
  ["broken YAML", "user: [a\n"],
  ["aliases that explode", "a: &a [x]\nb: [*a, *a]\nweb_proxy_addr: h:1\n"],
] as const) {
  test(`refuses ${name}`, async () => {
    await assert.rejects(parseDocument(text), (error) => isFault(error, "malformed"));
  });
}

test("a login through a balancer says so, as the official client does, and reads back", async () => {
  const balanced = { ...document, connectionUpgrade: true };
  const text = formatDocument(balanced);
  assert.match(text, /^tls_routing_conn_upgrade_required: true$/m);
  assert.deepEqual(await parseDocument(text), balanced);
  assert.doesNotMatch(formatDocument(document), /upgrade/);
});
