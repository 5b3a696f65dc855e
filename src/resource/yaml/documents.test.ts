/** What a person reads about a mistake in a resource, and what is accepted without a word. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import type { Role } from "../role.ts";
import type { User } from "../user.ts";
import { formatDiagnostic } from "./diagnostic.ts";
import { checkDocuments, parseDocuments, parseLocatedDocuments } from "./documents.ts";

function complaints(text: string): string[] {
  return checkDocuments(text, { source: "r.yaml" }).diagnostics.map(formatDiagnostic);
}

function role(spec: string): string {
  return `kind: role\nversion: v7\nmetadata:\n  name: r\nspec:\n${spec}`;
}

test("reads the user of the guide with its old numeric id and without a version", () => {
  const [resource] = parseDocuments(
    `kind: user
metadata:
  id: 1692716146877042322
  name: myuser
spec:
  created_by:
    time: "2023-08-14T13:42:22.291972449Z"
  expires: "0001-01-01T00:00:00Z"
  roles:
  - access
  - auditor
  - editor
  - require-trusted-device # add this line
  status:
    is_locked: false
`,
    { source: "myuser.yaml" },
  );
  const user = resource as User;
  assert.deepEqual(user.metadata, { name: "myuser" });
  assert.deepEqual(user.spec.roles, ["access", "auditor", "editor", "require-trusted-device"]);
  assert.equal(user.spec.created_by.time, "2023-08-14T13:42:22.291972449Z");
});

test("reads the role of the guide with the line that it adds", () => {
  const [resource] = parseDocuments(
    `kind: role
metadata:
  labels:
    teleport.internal/resource-type: preset
  name: access
spec:
  allow:
    logins:
    - '{{internal.logins}}'
  options:
    # require authenticated device check for this role
    device_trust_mode: "required" # add this line
  deny:
`,
    { source: "role.yaml" },
  );
  const access = resource as Role;
  assert.equal(access.spec.options.device_trust_mode, "required");
  assert.deepEqual(access.spec.deny, {});
  assert.deepEqual(access.spec.allow.logins, ["{{internal.logins}}"]);
});

const typos: readonly (readonly [string, string, string])[] = [
  [
    "a mistyped key in its place",
    "  allow:\n    loginz: [root]\n",
    'r.yaml:7:5: spec.allow: unknown key "loginz" (did you mean "logins"?)',
  ],
  [
    "a mistyped key one level too high",
    "  loginz: [root]\n",
    'r.yaml:6:3: spec: unknown key "loginz" (did you mean "logins" in spec.allow?)',
  ],
  [
    "a right key one level too high",
    "  logins: [root]\n",
    'r.yaml:6:3: spec: misplaced key "logins" ("logins" belongs in spec.allow or spec.deny)',
  ],
  [
    "an option under allow",
    "  allow:\n    device_trust_mode: required\n",
    'r.yaml:7:5: spec.allow: misplaced key "device_trust_mode" ("device_trust_mode" belongs in spec.options)',
  ],
  [
    "an option with dashes",
    "  options:\n    max-session-ttl: 1h\n",
    'r.yaml:7:5: spec.options: unknown key "max-session-ttl" (did you mean "max_session_ttl"?)',
  ],
  [
    "an option in camel case",
    "  options:\n    forwardAgent: yes\n",
    'r.yaml:7:5: spec.options: unknown key "forwardAgent" (did you mean "forward_agent"?)',
  ],
  [
    "a key that resembles nothing",
    "  zzzzzzzz: 1\n",
    'r.yaml:6:3: spec: unknown key "zzzzzzzz" (valid here: options, allow, deny)',
  ],
  [
    "a mistyped mode",
    "  options:\n    device_trust_mode: requird\n",
    'r.yaml:7:24: spec.options.device_trust_mode: must be one of off, optional, required, required-for-humans, not "requird" (did you mean "required"?)',
  ],
  [
    "a mistyped verb inside a list",
    "  allow:\n    rules:\n    - resources: [device]\n      verbs: [read, enrol]\n",
    'r.yaml:9:21: spec.allow.rules[0].verbs[1]: must be one of *, list, create, read, readnosecrets, update, delete, rotate, create_enroll_token, enroll, use, activate, not "enrol" (did you mean "enroll"?)',
  ],
  [
    "a single mistyped verb where a list may stand",
    "  allow:\n    rules:\n    - resources: device\n      verbs: reed\n",
    'r.yaml:9:14: spec.allow.rules[0].verbs[0]: must be one of *, list, create, read, readnosecrets, update, delete, rotate, create_enroll_token, enroll, use, activate, not "reed" (did you mean "read"?)',
  ],
  [
    "a duration without a unit",
    "  options:\n    max_session_ttl: 30\n",
    'r.yaml:7:22: spec.options.max_session_ttl: "30" is not a duration (write hours, minutes and seconds, as in "12h" or "1h30m")',
  ],
  [
    "a word where a flag stands",
    "  options:\n    forward_agent: maybe\n",
    'r.yaml:7:20: spec.options.forward_agent: must be true or false, not "maybe"',
  ],
  [
    "a number below zero",
    "  options:\n    max_sessions: -1\n",
    "r.yaml:7:19: spec.options.max_sessions: must not be negative",
  ],
  [
    "text where keys are expected",
    "  allow: everything\n",
    'r.yaml:6:10: spec.allow: must be a map of keys, not "everything"',
  ],
  [
    "a map where rules are listed",
    "  allow:\n    rules:\n      resources: [role]\n",
    "r.yaml:8:7: spec.allow.rules: must be a list, not a map of keys",
  ],
  [
    "a map inside a list of texts",
    "  allow:\n    logins:\n    - root: yes\n",
    "r.yaml:8:7: spec.allow.logins[0]: must be text, not a map of keys",
  ],
  [
    "every label with one value",
    "  allow:\n    node_labels:\n      '*': dev\n",
    'r.yaml:8:12: spec.allow.node_labels."*": the label "*" stands for every label and takes the value "*" only (name the label whose value you mean)',
  ],
  [
    "a template of an unknown trait",
    "  allow:\n    logins: ['{{internal.loginz}}']\n",
    'r.yaml:7:14: spec.allow.logins[0]: unknown trait "internal.loginz" in "{{internal.loginz}}" (did you mean "logins"?)',
  ],
];

for (const [what, spec, complaint] of typos) {
  test(`names place and remedy of ${what}`, () => {
    assert.deepEqual(complaints(role(spec)), [complaint]);
  });
}

test("finds what is wrong in predicates, expressions and patterns", () => {
  const found = complaints(
    role(`  allow:
    rules:
    - resources: [session]
      verbs: [read]
      where: contians(session.participants, user.metadata.name)
    node_labels_expression: labels["env"] ==
    node_labels:
      env: '^[a$'
`),
  );
  assert.equal(found.length, 3);
  assert.match(found[0] ?? "", /^r\.yaml:10:14: .*contians.*\(did you mean "contains"\?\)$/);
  assert.match(found[1] ?? "", /^r\.yaml:11:29: spec\.allow\.node_labels_expression: /);
  assert.match(found[2] ?? "", /^r\.yaml:13:12: spec\.allow\.node_labels\.env/);
});

test("reports everything at once, in the order of the text, across documents", () => {
  const found = complaints(
    `kind: user\nmetadata:\n  nam: a\nspec:\n  role: [x]\n---\nkind: rol\n---\nkind: device\nspec:\n  os_type: macoss\n`,
  );
  assert.deepEqual(found, [
    "r.yaml:2:1: metadata.name: is missing",
    'r.yaml:3:3: metadata: unknown key "nam" (did you mean "name"?)',
    'r.yaml:5:3: spec: unknown key "role" (did you mean "roles"?)',
    'r.yaml:7:7: kind: "rol" is not a kind of resource (did you mean "role"?)',
    "r.yaml:10:1: spec.asset_tag: is missing",
    'r.yaml:11:12: spec.os_type: must be one of linux, macos, windows, ios, ipados, not "macoss" (did you mean "macos"?)',
  ]);
});

test("an unknown key does not hide a wrong value elsewhere", () => {
  assert.deepEqual(complaints("kind: lock\nspec:\n  targt: {}\n  target: {user: ''}\n"), [
    'r.yaml:3:3: spec: unknown key "targt" (did you mean "target"?)',
    "r.yaml:4:11: spec.target: at least one target field must be set (name a user, role, login, device, server_id, mfa_device or access_request)",
  ]);
});

test("a missing or mistyped kind is said first", () => {
  assert.deepEqual(complaints("metadata: {name: a}"), ['r.yaml:1:1: the key "kind" is missing']);
  assert.deepEqual(complaints("knd: role"), [
    'r.yaml:1:1: unknown key "knd" (did you mean "kind"?)',
  ]);
  assert.deepEqual(complaints("hello"), [
    'r.yaml:1:1: a resource must be a map of keys (begin with "kind: role" or another kind)',
  ]);
});

test("a text without a resource is a mistake", () => {
  for (const text of ["", "# nothing\n", "---\n---\n", "[]", "null"]) {
    assert.deepEqual(complaints(text), ["r.yaml:1:1: there is no resource in this text"]);
  }
});

test("throws one fault that lists every problem", () => {
  assert.throws(
    () => parseDocuments("kind: user\nmetadata: {nam: x}", { source: "u.yaml" }),
    (error) =>
      error instanceof Fault && error.code === "invalid" && error.message.split("\n").length === 2,
  );
});

test("lists at most twenty problems in a fault and counts the others", () => {
  const keys = Array.from({ length: 30 }, (_, i) => `zzzzzz${i}: 1`).join("\n");
  assert.throws(
    () => parseDocuments(`kind: lock\nspec: {target: {user: a}}\n${keys}`, { source: "l.yaml" }),
    (error) => error instanceof Fault && error.message.endsWith("\nand 10 more"),
  );
});

test("keeps numbers and words as they were typed where text is wanted", () => {
  const [node] = parseDocuments(
    "kind: node\nmetadata: {name: n, labels: {a: 1.10, b: 007, c: True, d: 0x1f, e: 12, f: on}}\nspec: {hostname: 10}",
    { source: "-" },
  );
  assert.deepEqual(node?.metadata.labels, {
    a: "1.10",
    b: "007",
    c: "True",
    d: "0x1f",
    e: "12",
    f: "on",
  });
  assert.equal(node?.kind === "node" && node.spec.hostname, "10");
});

test("shares parts by anchor and alias", () => {
  const [resource] = parseDocuments(
    role("  allow: {logins: &l [root, ubuntu]}\n  deny: {db_users: *l}\n"),
    { source: "-" },
  );
  assert.deepEqual((resource as Role).spec.deny.db_users, ["root", "ubuntu"]);
});

test("reads Windows line ends and a byte order mark", () => {
  const [resource] = parseDocuments("\ufeffkind: users\r\nmetadata:\r\n  name: x\r\n", {
    source: "-",
  });
  assert.equal(resource?.kind, "user");
  assert.equal(resource?.metadata.name, "x");
});

test("points into the right item of a list of resources", () => {
  assert.deepEqual(
    complaints(
      "- kind: user\n  metadata: {name: a}\n- kind: user\n  metadata: {name: b, lables: {}}\n",
    ),
    ['r.yaml:4:23: metadata: unknown key "lables" (did you mean "labels"?)'],
  );
});

test("each resource of a text has the line in which it begins, in documents and in lists", () => {
  const text = `# two in one list
- kind: lock
  spec: {target: {user: a}}

- kind: lock
  spec: {target: {user: b}}
---
# and one alone
kind: lock
spec: {target: {user: c}}
`;
  const lines = parseLocatedDocuments(text, { source: "l.yaml" });
  assert.deepEqual([...lines.values()], [2, 5, 9]);
});
