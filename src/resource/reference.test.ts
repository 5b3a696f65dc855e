/** References as people type them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import { kinds } from "./kinds.ts";
import { formatReference, parseReference, parseReferences } from "./reference.ts";

for (const [text, expected] of [
  ["role/access", { kind: "role", name: "access" }],
  ["roles", { kind: "role" }],
  ["users/x", { kind: "user", name: "x" }],
  ["Device/C00AA0AAAA0A", { kind: "device", name: "C00AA0AAAA0A" }],
  ["devices", { kind: "device" }],
  ["nodes", { kind: "node" }],
  ["cap", { kind: "cluster_auth_preference", name: "cluster-auth-preference" }],
  [
    "cluster_auth_preference/cluster-auth-preference",
    { kind: "cluster_auth_preference", name: "cluster-auth-preference" },
  ],
  ["cnc", { kind: "cluster_networking_config", name: "cluster-networking-config" }],
  ["src", { kind: "session_recording_config", name: "session-recording-config" }],
  [
    "cert_authority/host/example.com",
    { kind: "cert_authority", subKind: "host", name: "example.com" },
  ],
  ["token/a/b", { kind: "token", name: "a/b" }],
] as const) {
  test(`reads ${text}`, () => assert.deepEqual(parseReference(text), expected));
}

for (const [text, message, hint] of [
  ["rol/x", '"rol" is not a kind of resource', 'did you mean "role"?'],
  ["", '"" is not a kind of resource', `write one of: ${kinds.join(", ")}`],
  ["role/", '"role/" is not a resource reference', "write role/name"],
  [
    "cap/mine",
    "there is only one cluster_auth_preference in a cluster",
    "write cluster_auth_preference",
  ],
] as const) {
  test(`refuses ${JSON.stringify(text)} with what to write`, () => {
    assert.throws(
      () => parseReference(text),
      (error) =>
        error instanceof Fault &&
        error.code === "usage" &&
        error.message === message &&
        error.hint === hint,
    );
  });
}

test("reads several references, and prints them in canonical spelling", () => {
  assert.deepEqual(parseReferences("roles, users/alice,cap").map(formatReference), [
    "role",
    "user/alice",
    "cluster_auth_preference/cluster-auth-preference",
  ]);
});
