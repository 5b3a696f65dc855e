/** Properties of decisions, and a second evaluator that was written from the specification, not from the code. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeviceFacts } from "#resource/device-facts.ts";
import type { Role } from "#resource/role.ts";
import { makeCase, makeRolePool, seededRandom } from "../../test/support/access-cases.ts";
import { makeLock, makeRole } from "../../test/support/policy.ts";
import { type AccessRequest, decideAccess } from "./decide-access.ts";

const cases = 400_000;

/** Whether access is allowed, in the words of the documentation: nothing is shared with the code under test. */
function naivelyAllows({ identity, policy, target, now, clientIp }: AccessRequest): boolean {
  const login = target.principal ?? "";
  const roles = identity.roles.map((name) => policy.roles.get(name));
  if (!policy.current || roles.includes(undefined)) return false;
  const held = roles as Role[];
  const trait = (name: string): readonly string[] => identity.traits[name] ?? [];

  const expand = (values: readonly string[]): string[] =>
    values.flatMap((value) => {
      if (value === "{{internal.logins}}") return [...trait("logins")];
      if (value === "{{external.team}}") return [...trait("team")];
      if (value === "adm-{{external.team}}") return trait("team").map((team) => `adm-${team}`);
      return value.startsWith("{{") ? [] : [value];
    });
  const valueMatches = (wanted: string, label: string): boolean =>
    wanted.startsWith("^")
      ? new RegExp(wanted).test(label)
      : new RegExp(`^${wanted.replaceAll("*", ".*")}$`).test(label);
  const labelsMatch = (selector: Readonly<Record<string, readonly string[]>>): boolean => {
    if (selector["*"] !== undefined) return true;
    return Object.keys(selector).every((key) => {
      const label = target.labels[key];
      return (
        label !== undefined &&
        expand(selector[key] ?? []).some((value) => valueMatches(value, label))
      );
    });
  };
  const expressionHolds = (expression: string): boolean => {
    if (expression.startsWith("labels[")) return target.labels["env"] === "prod";
    if (expression.startsWith("contains"))
      return trait("team").includes(target.labels["team"] ?? "none");
    return target.labels["env"] !== "dev" && identity.username !== "bob";
  };

  for (const { spec } of held) {
    const labels = spec.deny.node_labels ?? {};
    if (Object.keys(labels).length > 0 && labelsMatch(labels)) return false;
    if (spec.deny.node_labels_expression && expressionHolds(spec.deny.node_labels_expression))
      return false;
    const logins = expand(spec.deny.logins ?? []);
    if (logins.includes(login) || logins.includes("*")) return false;
  }
  const granting = held.filter(({ spec }) => {
    const labels = spec.allow.node_labels ?? {};
    const expression = spec.allow.node_labels_expression ?? "";
    const usesLabels = Object.keys(labels).length > 0;
    if (!usesLabels && expression === "") return false;
    if (usesLabels && !labelsMatch(labels)) return false;
    if (expression !== "" && !expressionHolds(expression)) return false;
    return expand(spec.allow.logins ?? []).includes(login);
  });
  if (granting.length === 0) return false;

  if (!identity.logins.includes(login)) return false;
  if (identity.expires <= now || identity.usage.length > 0) return false;
  if (identity.pinnedIp !== undefined && identity.pinnedIp !== clientIp) return false;
  if (identity.pinnedIp === undefined && held.some(({ spec }) => spec.options.pin_source_ip))
    return false;

  const touch = identity.privateKeyPolicy === "hardware_key_touch";
  const mfaSettings = [
    policy.authPreference.spec.require_session_mfa,
    ...granting.map(({ spec }) => spec.options.require_session_mfa),
  ];
  if (mfaSettings.includes("hardware_key_touch") && !touch) return false;
  if (mfaSettings.includes(true) && !touch && !identity.mfaVerified) return false;

  const device = identity.device;
  const trusted = Boolean(device?.deviceId && device.assetTag && device.credentialId);
  const deviceModes: (string | undefined)[] = [
    policy.authPreference.spec.device_trust?.mode,
    ...granting.map(({ spec }) => spec.options.device_trust_mode),
  ];
  for (const mode of deviceModes) {
    if (mode === "sometimes") return false;
    if (mode === "required" && !trusted) return false;
    if (mode === "required-for-humans" && !trusted && !identity.botName) return false;
  }

  const facts = trusted ? policy.devices.get(device?.deviceId ?? "") : undefined;
  const known = facts?.credential_id === device?.credentialId ? facts : undefined;
  const seen = now.getTime() - Date.parse(known?.data_time ?? "");
  /** Each rule of the pool in words; what is not known is undefined, and no comparison with it is true. */
  const met = (rule: string): boolean => {
    if (rule === "device.secure_boot") return known?.secure_boot === true;
    if (rule === 'device.os == "linux"') return known?.os === "linux";
    if (rule.startsWith("device.owner")) return known?.owner === identity.username;
    if (rule.startsWith("at_most")) return seen <= 3_600_000;
    if (rule.startsWith("version")) return known?.os_version === "22.10.1" || !!known?.secure_boot;
    if (rule === "!device.profile_agrees") return known?.profile_agrees === false;
    return identity.username === "bob";
  };
  const places = [policy.authPreference.spec.device_trust, ...granting.map(optionsAsPlace)];
  for (const place of places) {
    const exempt = place?.mode === "required-for-humans" && identity.botName;
    if (place?.mode === "off" || exempt) continue;
    if (!(place?.posture ?? []).every(({ rule }) => met(rule))) return false;
  }

  return !policy.locks.some(({ spec: { target: locked, expires } }) => {
    if (expires !== undefined && new Date(expires) <= now) return false;
    return (
      locked.user === identity.username ||
      (locked.role !== undefined && identity.roles.includes(locked.role)) ||
      locked.login === login ||
      locked.server_id === target.lockable.server_id ||
      (locked.device !== undefined &&
        [device?.deviceId, device?.assetTag].includes(locked.device)) ||
      (locked.mfa_device !== undefined && locked.mfa_device === identity.mfaVerified)
    );
  });
}

function optionsAsPlace({ spec: { options } }: Role) {
  return { mode: options.device_trust_mode, posture: options.device_posture };
}

function* randomCases(seed: number, count: number): Generator<[AccessRequest, () => number]> {
  const random = seededRandom(seed);
  let pool = makeRolePool(random, 12);
  for (let index = 0; index < count; index++) {
    if (index % 2000 === 0) pool = makeRolePool(random, 12);
    yield [makeCase(random, pool), random];
  }
}

test(`agrees with a naive evaluator on ${cases} random cases`, () => {
  let allowed = 0;
  const refusals = new Map<string, number>();
  for (const [request] of randomCases(20261121, cases)) {
    const decision = decideAccess(request);
    if (decision.allowed !== naivelyAllows(request)) {
      assert.fail(
        `disagreement: ${JSON.stringify({ decision, request: { ...request, policy: undefined } })}`,
      );
    }
    if (decision.allowed) allowed++;
    else refusals.set(decision.reason.check, (refusals.get(decision.reason.check) ?? 0) + 1);
  }
  assert.ok(allowed > cases / 100, `only ${allowed} cases were allowed`);
  assert.equal(refusals.size, 14, `checks that never refused are missing: ${[...refusals.keys()]}`);
});

function forgetSomething([id, facts]: [string, DeviceFacts]): [string, DeviceFacts] {
  const { secure_boot: _, os_version: __, data_time: ___, profile_agrees: ____, ...rest } = facts;
  return [id, rest];
}

/** The request with one more role held by the user. */
function withRole(request: AccessRequest, role: Role): AccessRequest {
  const roles = new Map(request.policy.roles).set(role.metadata.name, role);
  const identity = { ...request.identity, roles: [...request.identity.roles, role.metadata.name] };
  return { ...request, identity, policy: { ...request.policy, roles } };
}

const restrictions: readonly (readonly [string, (request: AccessRequest) => AccessRequest])[] = [
  [
    "denied logins",
    (request) => withRole(request, makeRole("no", { deny: { logins: ["ubuntu"] } })),
  ],
  [
    "denied labels",
    (request) => withRole(request, makeRole("no", { deny: { node_labels: { env: "dev" } } })),
  ],
  [
    "a denying expression",
    (request) =>
      withRole(
        request,
        makeRole("no", { deny: { node_labels_expression: 'labels.team == "web"' } }),
      ),
  ],
  [
    "a role that nobody knows",
    (request) => ({
      ...request,
      identity: { ...request.identity, roles: [...request.identity.roles, "unknown"] },
    }),
  ],
  ["outdated rules", (request) => ({ ...request, policy: { ...request.policy, current: false } })],
  [
    "a missing device",
    (request) => {
      const { device: _gone, ...identity } = request.identity;
      return { ...request, identity };
    },
  ],
  [
    "a device without credential",
    ({ identity, ...request }) => ({
      ...request,
      identity: {
        ...identity,
        ...(identity.device && { device: { ...identity.device, credentialId: "" } }),
      },
    }),
  ],
  [
    "a device of which nothing is known",
    ({ policy, ...request }) => ({ ...request, policy: { ...policy, devices: new Map() } }),
  ],
  [
    "a device of which less is known",
    ({ policy, ...request }) => ({
      ...request,
      policy: { ...policy, devices: new Map([...policy.devices].map(forgetSomething)) },
    }),
  ],
  [
    "one more posture rule",
    (request) =>
      withRole(
        request,
        makeRole("no", {
          allow: { node_labels: { "*": "*" }, logins: ["nobody"] },
          options: { device_posture: ["device.secure_boot"] },
        }),
      ),
  ],
  [
    "missing MFA",
    (request) => {
      const { mfaVerified: _gone, ...identity } = request.identity;
      return { ...request, identity: { ...identity, privateKeyPolicy: "none" } };
    },
  ],
  ["fewer logins", (request) => ({ ...request, identity: { ...request.identity, logins: [] } })],
  ["a later time", (request) => ({ ...request, now: new Date(request.now.getTime() + 1000) })],
];

for (const [name, restrict] of restrictions) {
  test(`${name} never grants`, () => {
    let checked = 0;
    for (const [any] of randomCases(7, 4000)) {
      // A lock strikes what a certificate names and ends at its time, so that less or later can mean no lock.
      const request = { ...any, policy: { ...any.policy, locks: [] } };
      if (decideAccess(request).allowed) continue;
      checked++;
      assert.equal(decideAccess(restrict(request)).allowed, false);
    }
    assert.ok(checked > 500);
  });
}

test("a lock never grants", () => {
  for (const [request] of randomCases(8, 4000)) {
    const locks = [...request.policy.locks, makeLock({ login: "root" })];
    const locked = { ...request, policy: { ...request.policy, locks } };
    if (decideAccess(locked).allowed) assert.ok(decideAccess(request).allowed);
  }
});

test("the order of roles decides nothing", () => {
  for (const [request] of randomCases(9, 3000)) {
    const roles = request.identity.roles.toReversed();
    const reversed = { ...request, identity: { ...request.identity, roles } };
    assert.equal(decideAccess(reversed).allowed, decideAccess(request).allowed);
  }
});
