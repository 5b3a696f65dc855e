import assert from "node:assert/strict";
import { test } from "node:test";
import type { WhereSubject } from "#expression/scopes.ts";
import { makeSystem, makeUser } from "../../test/support/identity.ts";
import { makeRole } from "../../test/support/policy.ts";
import { checkRule, type RuleRequest } from "./rules.ts";

const rule = (resources: string[], verbs: string[], where?: string): object => ({
  resources,
  verbs,
  ...(where === undefined ? {} : { where }),
});

function check(
  allow: object[],
  deny: object[],
  verb: RuleRequest["verb"],
  kind: string,
  subject?: WhereSubject,
) {
  const role = makeRole("r", { allow: { rules: allow }, deny: { rules: deny } });
  return checkRule({
    identity: makeUser({ roles: ["r"], traits: { team: ["core"] } }),
    roles: new Map([["r", role]]),
    kind,
    verb,
    ...(subject === undefined ? {} : { subject }),
  });
}

const participants = "contains(session.participants, user.metadata.name)";
const core = 'equals(resource.metadata.labels["team"], "core")';
const resource = (team: string): WhereSubject => ({ resource: { metadata: { labels: { team } } } });

type Row = readonly [
  string,
  object[],
  object[],
  RuleRequest["verb"],
  string,
  WhereSubject | undefined,
  boolean,
];

const rows: readonly Row[] = [
  ["no rule", [], [], "read", "role", undefined, false],
  ["the rule", [rule(["role"], ["read"])], [], "read", "role", undefined, true],
  ["another verb", [rule(["role"], ["read"])], [], "update", "role", undefined, false],
  ["another kind", [rule(["role"], ["read"])], [], "read", "user", undefined, false],
  ["every kind", [rule(["*"], ["read"])], [], "read", "user", undefined, true],
  ["every verb", [rule(["device"], ["*"])], [], "create_enroll_token", "device", undefined, true],
  [
    "enroll does not follow from update",
    [rule(["device"], ["update"])],
    [],
    "enroll",
    "device",
    undefined,
    false,
  ],
  [
    "read includes readnosecrets",
    [rule(["user"], ["read"])],
    [],
    "readnosecrets",
    "user",
    undefined,
    true,
  ],
  [
    "readnosecrets does not include read",
    [rule(["user"], ["readnosecrets"])],
    [],
    "read",
    "user",
    undefined,
    false,
  ],
  [
    "deny wins",
    [rule(["*"], ["*"])],
    [rule(["role"], ["delete"])],
    "delete",
    "role",
    undefined,
    false,
  ],
  [
    "deny of another verb",
    [rule(["*"], ["*"])],
    [rule(["role"], ["delete"])],
    "read",
    "role",
    undefined,
    true,
  ],
  [
    "deny of every kind",
    [rule(["role"], ["read"])],
    [rule(["*"], ["*"])],
    "read",
    "role",
    undefined,
    false,
  ],
  [
    "deny of read denies readnosecrets",
    [rule(["*"], ["*"])],
    [rule(["user"], ["read"])],
    "readnosecrets",
    "user",
    undefined,
    false,
  ],
  [
    "deny of readnosecrets denies read",
    [rule(["*"], ["*"])],
    [rule(["user"], ["readnosecrets"])],
    "read",
    "user",
    undefined,
    false,
  ],
  [
    "a where that holds",
    [rule(["session"], ["read"], participants)],
    [],
    "read",
    "session",
    { sessionParticipants: ["alice"] },
    true,
  ],
  [
    "a where that does not hold",
    [rule(["session"], ["read"], participants)],
    [],
    "read",
    "session",
    { sessionParticipants: ["bob"] },
    false,
  ],
  [
    "a where without its session",
    [rule(["session"], ["read"], participants)],
    [],
    "read",
    "session",
    undefined,
    false,
  ],
  [
    "a negated where without its session",
    [rule(["session"], ["read"], `!${participants}`)],
    [],
    "read",
    "session",
    undefined,
    false,
  ],
  [
    "a where and an open rule",
    [rule(["session"], ["read"], participants), rule(["session"], ["read"])],
    [],
    "read",
    "session",
    undefined,
    true,
  ],
  [
    "a deny where that holds",
    [rule(["node"], ["read"])],
    [rule(["node"], ["read"], core)],
    "read",
    "node",
    resource("core"),
    false,
  ],
  [
    "a deny where that does not hold",
    [rule(["node"], ["read"])],
    [rule(["node"], ["read"], core)],
    "read",
    "node",
    resource("web"),
    true,
  ],
  [
    "a deny where without its resource",
    [rule(["node"], ["read"])],
    [rule(["node"], ["read"], core)],
    "read",
    "node",
    undefined,
    false,
  ],
  [
    "a where about traits",
    [
      rule(
        ["node"],
        ["read"],
        'contains(user.spec.traits["team"], resource.metadata.labels["team"])',
      ),
    ],
    [],
    "read",
    "node",
    resource("core"),
    true,
  ],
  [
    "a where that is only space",
    [rule(["node"], ["read"], "  ")],
    [],
    "read",
    "node",
    undefined,
    true,
  ],
];

for (const [name, allow, deny, verb, kind, subject, expected] of rows) {
  test(`${name}: ${verb} on ${kind} is ${expected ? "allowed" : "denied"}`, () => {
    assert.equal(check(allow, deny, verb, kind, subject).allowed, expected);
  });
}

test("a refusal has the words of the public API and names what is missing", () => {
  const decision = check([], [], "create", "role");
  assert.ok(!decision.allowed);
  assert.equal(decision.reason.message, 'access denied to perform action "create" on "role"');
  assert.equal(decision.reason.code, "access-denied");
  assert.match(decision.reason.hint ?? "", /resources \[role\], verbs \[create\]/);
  assert.equal(decision.conditional, false);
});

test("a refusal by a deny rule names the role", () => {
  const decision = check([rule(["*"], ["*"])], [rule(["role"], ["*"])], "create", "role");
  assert.ok(!decision.allowed);
  assert.equal(decision.reason.role, "r");
  assert.equal(decision.reason.rule, "deny.rules");
});

test("a refusal is conditional only when a resource could change it", () => {
  const conditional = (allow: object[], deny: object[]): boolean | undefined => {
    const decision = check(allow, deny, "list", "node");
    return decision.allowed ? undefined : decision.conditional;
  };
  assert.equal(conditional([rule(["node"], ["list"], core)], []), true);
  assert.equal(conditional([rule(["node"], ["list"])], [rule(["node"], ["list"], core)]), true);
  assert.equal(conditional([rule(["node"], ["list"], core)], [rule(["node"], ["list"])]), false);
  assert.equal(conditional([], [rule(["node"], ["list"], core)]), false);
});

test("a clause that no schema would have let pass never grants and always denies", () => {
  const broken = rule(["node"], ["read"], "((");
  const role = makeRole("r");
  const identity = makeUser({ roles: ["r"] });
  const withRules = (side: "allow" | "deny") => ({
    ...role,
    spec: {
      ...role.spec,
      allow: { ...role.spec.allow, rules: [{ resources: ["node"], verbs: ["read" as const] }] },
      [side]: { ...role.spec[side], rules: [broken] },
    },
  });
  for (const side of ["allow", "deny"] as const) {
    const roles = new Map([["r", withRules(side)]]);
    assert.equal(checkRule({ identity, roles, kind: "node", verb: "read" }).allowed, false, side);
  }
});

test("a user with a role that is gone may do nothing", () => {
  const roles = new Map([["r", makeRole("r", { allow: { rules: [rule(["*"], ["*"])] } })]]);
  const decision = checkRule({
    identity: makeUser({ roles: ["r", "gone"] }),
    roles,
    kind: "node",
    verb: "read",
  });
  assert.ok(!decision.allowed);
  assert.equal(decision.reason.check, "roles-known");
});

test("of the services only the local administrator has every right", () => {
  const ask = (systemRoles: ("Admin" | "Node" | "Proxy")[]): boolean =>
    checkRule({
      identity: makeSystem({ systemRoles }),
      roles: new Map(),
      kind: "role",
      verb: "create",
    }).allowed;
  assert.equal(ask(["Admin"]), true);
  assert.equal(ask(["Node", "Proxy"]), false);
});
