/** Which second factors the cluster takes and demands, from the older setting or the newer list. Pure. */
import { Fault } from "#base/fault.ts";
import type { ClusterAuthPreference } from "#resource/cluster-auth-preference.ts";

/** The mode in the words of ping. */
export type SecondFactorMode = "off" | "optional" | "otp" | "webauthn" | "on";

/** What the cluster takes. */
export interface SecondFactorPolicy {
  readonly mode: SecondFactorMode;
  /** Nobody logs in without one. With `optional` those who have one must show it all the same. */
  readonly required: boolean;
  /** Codes of authenticator apps are taken. */
  readonly totp: boolean;
  /** The relying party for WebAuthn; undefined when the cluster takes none. */
  readonly rpId: string | undefined;
  /** The cluster lists whose keys it takes or refuses. Nobody here can check that, so no key can be registered. */
  readonly listsMakers: boolean;
}

/** Throws `unimplemented` where a new key would have to prove who made it. */
export function assertAnyMaker({ listsMakers }: SecondFactorPolicy): void {
  if (!listsMakers) return;
  throw new Fault("unimplemented", "this cluster lists makers of security keys", {
    hint: "this version cannot check them; an administrator can take the lists out of webauthn: tctl edit cap",
  });
}

type Spec = Pick<
  ClusterAuthPreference["spec"],
  "second_factor" | "second_factors" | "webauthn" | "u2f"
>;

/**
 * The list wins where it says anything; with neither, any factor is demanded. Factors that this cluster cannot check,
 * such as `sso`, are demanded and taken from nobody.
 */
export function secondFactorPolicy(spec: Spec): SecondFactorPolicy {
  const mode = modeOf(spec);
  const list = spec.second_factors ?? [];
  const only = (factor: "otp" | "webauthn") =>
    list.length > 0 ? list.includes(factor) : mode !== "off" && mode !== opposite[factor];
  const { attestation_allowed_cas: allowed = [], attestation_denied_cas: denied = [] } =
    spec.webauthn ?? {};
  return {
    mode,
    required: mode !== "off" && mode !== "optional",
    totp: only("otp"),
    rpId: only("webauthn") ? spec.webauthn?.rp_id || undefined : undefined,
    listsMakers: allowed.length > 0 || denied.length > 0,
  };
}

const opposite = { otp: "webauthn", webauthn: "otp" } as const;

function modeOf({ second_factor: mode, second_factors: list = [] }: Spec): SecondFactorMode {
  if (list.length > 0) {
    const [otp, webauthn] = [list.includes("otp"), list.includes("webauthn")];
    return otp === webauthn ? "on" : otp ? "otp" : "webauthn";
  }
  // The setting from before WebAuthn means its successor.
  return mode === "u2f" ? "webauthn" : (mode ?? "on");
}
