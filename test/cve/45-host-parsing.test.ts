/**
 * GHSA-cj29-mv44-r3g2: a name that begins or ends like a trusted one. Class 45 of docs/bug-classes.md: names are compared
 * as a whole, wherever one decides about trust or about where a connection goes.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { isAuthServerName, routeOf } from "#proxy/routes.ts";
import { findTarget, parseTarget } from "#proxy/targets.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { parseCertificate } from "#ssh/certificate.ts";
import { checkCertificate } from "#ssh/certificate-check.ts";
import { certify, createKey } from "./../support/ssh-keys.ts";

const registered = parseResourceOf("node", {
  ...{ kind: "node", version: "v2", metadata: { name: "11111111-0a3b-4f2d-8f8e-5d6a2f0a9c01" } },
  spec: { hostname: "db.example.com", addr: "10.0.0.1:22" },
});

test("a target is the whole name of a server", () => {
  for (const target of [
    "db.example.com.evil.com:22",
    "evil-db.example.com:22",
    "db.example.com@evil.com:22",
    "10.0.0.1.evil.com:22",
    "10.0.0.10:22",
    "0x0a000001:22",
    "167772161:22",
    "10.1:22",
    "db.example.com.:22",
    "[10.0.0.1]@evil:22",
    "db.example.com%00.evil.com:22",
    "db.example.com\0:22",
    "db.example.com:22:22",
    "db.example.com:65558",
    "DB.EXAMPLE.COM:22",
  ]) {
    assert.throws(
      () => findTarget([registered], parseTarget(target)),
      (error) => isFault(error, "not-found", "invalid"),
      target,
    );
  }
  assert.equal(findTarget([registered], parseTarget("db.example.com:22")), registered);
});

test("a server name leads to the auth service by its last labels only", () => {
  assert.ok(isAuthServerName("abcd.teleport.cluster.local"));
  for (const name of [
    "teleport.cluster.local.evil.com",
    "evilteleport.cluster.local",
    "teleport.cluster.local:443",
    "kube-teleport-proxy-alpn.teleport.cluster.local",
    "127.evil.com",
    "",
  ]) {
    assert.ok(!isAuthServerName(name), name);
    assert.notEqual(routeOf(name, ["h2"])?.door, "auth", name);
  }
});

test("a host certificate is good for the exact names in it", () => {
  const [host, authority] = [createKey(), createKey()];
  const principals = ["db.example.com"];
  const certificate = parseCertificate(certify(host, authority, { type: "host", principals }));
  const check = (principal: string) =>
    checkCertificate(certificate, {
      ...{ type: "host", authorities: [authority.signer.publicKey], now: new Date() },
      principal,
    });
  check("db.example.com");
  for (const name of [
    "db.example.com.evil.com",
    "evil.db.example.com",
    "db.example.com.",
    "db",
    "*",
  ]) {
    assert.throws(
      () => check(name),
      (error) => isFault(error, "unproven"),
      name,
    );
  }
});
