/** gatehouse.v1.AttestationService: the attestation policy, its dry run, and what is known of the TPM of a device. */
import { reattestationOf } from "#access/reattestation.ts";
import { decodeResource, encodeResource } from "#api/convert/resource.ts";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { actorOf } from "#audit/actor.ts";
import { Fault } from "#base/fault.ts";
import type {
  AttestationPolicy as AttestationPolicyMessage,
  AttestationService,
} from "#gen/gatehouse/v1/attestation_pb.ts";
import type { AttestationPolicy } from "#resource/attestation-policy.ts";
import { defaultAttestationPolicy } from "#resource/singletons.ts";
import type { AuthContext } from "../context.ts";
import {
  approveBoot,
  attestationMessage,
  bindEndorsementKey,
} from "../devices/attestation-acts.ts";
import { DeviceInventory } from "../devices/inventory.ts";
import { simulateMeasuredBoot } from "../devices/simulate-boot.ts";
import { singletons } from "../store/stores.ts";
import { type AuthCall, authorize, requireUser } from "./guard.ts";

const kind = "attestation_policy";

/** The handlers of AttestationService. */
export function attestationService(
  context: AuthContext,
): ServiceHandlers<typeof AttestationService, Peer> {
  const store = context.stores.attestationPolicy;
  const inventory = new DeviceInventory(context);
  const acts = { context, inventory };
  const current = () => store.get(singletons.attestationPolicy);

  /** The document is read after the permission is clear; the event says what it demands. */
  async function write(
    call: AuthCall,
    read: () => AttestationPolicy,
    keep: (policy: AttestationPolicy) => Promise<AttestationPolicy>,
  ) {
    const caller = await authorize(context, call, kind, "update");
    const policy = stampInterval(read(), (await current()).spec, context.clock.now());
    await context.audit.record("attestation_policy.update", {
      ...actorOf(caller),
      "addr.remote": call.peer.address,
      message: describePolicy(policy),
    });
    return encodeResource(kind, await keep(policy));
  }

  return {
    async getAttestationPolicy(_, call) {
      await authorize(context, call, kind, "read");
      return encodeResource(kind, await current());
    },
    updateAttestationPolicy: ({ policy }, call) =>
      write(
        call,
        () => readPolicy(policy),
        (kept) => store.update(kept),
      ),
    upsertAttestationPolicy: ({ policy }, call) =>
      write(
        call,
        () => readPolicy(policy),
        (kept) => store.upsert(kept),
      ),
    resetAttestationPolicy: (_, call) =>
      write(call, defaultAttestationPolicy, (kept) => store.upsert(kept)),

    async getReattestation(_, call) {
      requireUser(call);
      const { everyMs = 0 } = reattestationOf(await current()) ?? {};
      return { everyMs: BigInt(everyMs) };
    },

    async *simulateMeasuredBoot({ policy }, call) {
      await authorize(context, call, "device", "list", "read");
      await authorize(context, call, kind, "read");
      const { spec } = policy ? readPolicy(policy) : await current();
      yield* simulateMeasuredBoot(context, inventory, spec);
    },
    async approveBoot({ deviceId }, call) {
      await authorize(context, call, "device", "update");
      return attestationMessage(await approveBoot(acts, call, deviceId));
    },
    async getDeviceAttestation({ deviceId }, call) {
      await authorize(context, call, "device", "read");
      return attestationMessage(await inventory.get(deviceId));
    },
    async bindEndorsementKey({ deviceId, ...binding }, call) {
      await authorize(context, call, "device", "update");
      return attestationMessage(await bindEndorsementKey(acts, call, deviceId, binding));
    },
  };
}

function readPolicy(message: AttestationPolicyMessage | undefined): AttestationPolicy {
  if (message === undefined) throw new Fault("invalid", "the request carries no policy");
  return decodeResource(kind, message);
}

/**
 * A new interval begins now, whatever the document says: sessions that are open have a whole one to prove their devices.
 * One that stays as it was goes on.
 */
function stampInterval(
  policy: AttestationPolicy,
  before: AttestationPolicy["spec"],
  now: Date,
): AttestationPolicy {
  const { reattestation, ...spec } = policy.spec;
  if (reattestation === undefined) return policy;
  const { every } = reattestation;
  const kept = before.reattestation?.every === every ? before.reattestation.since : undefined;
  return {
    ...policy,
    spec: { ...spec, reattestation: { every, since: kept ?? now.toISOString() } },
  };
}

/** What the audit log says of a policy. */
function describePolicy({ spec }: AttestationPolicy): string {
  const rules = spec.measured_boot.map(({ name, mode }) => `${name} (${mode})`);
  return [
    `SHA-1 keys of Windows devices are ${spec.allow_sha1_on_windows ? "accepted" : "refused"}`,
    `measured-boot rules: ${rules.length > 0 ? rules.join(", ") : "none"}`,
    `devices prove themselves anew: ${spec.reattestation ? `every ${spec.reattestation.every}` : "never"}`,
  ].join("; ");
}
