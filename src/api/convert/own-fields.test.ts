/** Official programs do not know our fields: what they write back without them must not take rules away. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterAuthPreference } from "#resource/cluster-auth-preference.ts";
import { makePreference, makeRole } from "../../../test/support/policy.ts";
import { decodeResource, encodeForWriting, encodeResource } from "./resource.ts";

const rules = [{ rule: "device.secure_boot", message: "switch Secure Boot on" }];
const ruled = makeRole("prod", { options: { device_posture: rules, max_sessions: 3 } });
const bare = makeRole("prod", { options: { max_sessions: 4 } });

/** The message as a program writes it that has never heard of our fields. */
function asOthersWrite(role: typeof ruled) {
  const message = encodeResource("role", role);
  if (message.Spec?.Options) delete message.Spec.Options.DevicePosture;
  return message;
}

test("a role that an official program edits keeps its rules", () => {
  const edited = decodeResource("role", asOthersWrite(bare), ruled);
  assert.deepEqual(edited.spec.options.device_posture, rules);
  assert.equal(edited.spec.options.max_sessions, 4);
});

test("a role that an official program writes anew has none", () => {
  assert.equal(decodeResource("role", asOthersWrite(bare)).spec.options.device_posture, undefined);
});

test("our own programs set rules, change them, and take them away", () => {
  const write = (role: typeof ruled, stored: typeof ruled) =>
    decodeResource("role", encodeForWriting("role", role), stored).spec.options.device_posture;
  assert.deepEqual(write(ruled, bare), rules);
  assert.equal(write(bare, ruled), undefined);
});

test("the cluster's rules stay while an official program sets the mode, or takes the whole block away", () => {
  const ruledCluster = makePreference({ device_trust: { mode: "optional", posture: rules } });
  const write = (preference: ClusterAuthPreference) => {
    const message = encodeResource("cluster_auth_preference", preference);
    if (message.Spec?.DeviceTrust) delete message.Spec.DeviceTrust.Posture;
    return decodeResource("cluster_auth_preference", message, ruledCluster).spec.device_trust;
  };
  assert.deepEqual(write(makePreference({ device_trust: { mode: "required" } })), {
    mode: "required",
    posture: rules,
  });
  assert.deepEqual(write(makePreference()), { posture: rules });
  const ours = encodeForWriting("cluster_auth_preference", makePreference());
  const written = decodeResource("cluster_auth_preference", ours, ruledCluster);
  assert.equal(written.spec.device_trust?.posture, undefined);
});
