/** The second factor that people set up with an invitation or reset link, held to what the cluster takes. */
import { Fault } from "#base/fault.ts";
import type { AuthContext } from "../context.ts";
import type { Invitation } from "../users/invitation.ts";
import { assertAnyMaker } from "../users/second-factor.ts";
import { spendTotpCode } from "../users/totp.ts";
import type { MfaDevice } from "./device.ts";
import { currentPolicy } from "./verify.ts";
import { type Attestation, challengeOf, verifyAttestation } from "./webauthn.ts";

/** What came with the link: a code of the proposed app, or a new security key. Both empty: no second factor. */
export interface FirstFactor {
  readonly code: string;
  readonly attestation?: Attestation | undefined;
}

/**
 * Verifies it; undefined where no second factor is set up. Throws `unproven` when it is not right, or when the cluster
 * demands one and none came.
 */
export async function firstDevice(
  context: AuthContext,
  invitation: Invitation,
  { code, attestation }: FirstFactor,
): Promise<MfaDevice | undefined> {
  const policy = await currentPolicy(context);
  const now = context.clock.now();
  if (policy.mode === "off") return undefined;
  if (attestation && policy.rpId !== undefined) {
    assertAnyMaker(policy);
    const { challenge } = invitation;
    const expected = { challenge, rpId: policy.rpId, name: "security-key" };
    if (challengeOf(attestation) !== challenge) throw wrongKey();
    return verifyAttestation(attestation, expected, now, context.random);
  }
  if (code !== "" && policy.totp) {
    const device = spendTotpCode(invitation.totp, code, now);
    if (device) return device;
    throw new Fault("unproven", "the code of the authenticator app is not right", {
      hint: "wait for the next code and try again; check that the clock of this device is right",
    });
  }
  if (!policy.required) return undefined;
  throw new Fault("unproven", "this cluster demands a second factor, and none was set up");
}

function wrongKey(): Fault {
  return new Fault("unproven", "the security key answered to another page", {
    hint: "open the link again and try once more",
  });
}
