/**
 * What a person may know about the device in front of them. Serial numbers can be guessed, so the question is answered
 * fully to the owner, to those who may read devices, and no further: everybody else learns whether the device is
 * registered and enrolled, of a few devices only.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { checkLocks, type PolicyView } from "#access/access-checks.ts";
import { demandsDevice, effectiveClusterMode } from "#access/device-mode.ts";
import { type PlacedRules, rulesOfCluster, rulesOfRole } from "#access/device-posture.ts";
import { applyRoles } from "#access/role-set.ts";
import { checkRule } from "#access/rules.ts";
import { Fault } from "#base/fault.ts";
import {
  type DescribeDeviceRequest,
  type DescribeDeviceResponseSchema,
  DeviceOwner,
} from "#gen/gatehouse/v1/admin_pb.ts";
import type { UserIdentity } from "#identity/identity.ts";
import { osTypes } from "#resource/device.ts";
import type { Budget, BudgetSize } from "../budget.ts";
import type { AuthContext } from "../context.ts";
import { type AuthCall, type RuleVerb, requireUser } from "../grpc/guard.ts";
import { loadPolicy } from "../policy.ts";
import { type DeviceState, lastAuthenticated } from "./device-state.ts";
import type { DeviceInventory } from "./inventory.ts";
import { enrollsAutomatically } from "./policy.ts";
import { demandDevice, findUnmetRules } from "./unmet-rules.ts";

/** How many devices that are not theirs a person may ask about: a few computers, but no range of serial numbers. */
export const questionBudget: BudgetSize = { burst: 20, refillMs: 30 * 60_000 };

/** What a description works with. */
export interface DescribeContext {
  readonly context: AuthContext;
  readonly inventory: DeviceInventory;
  /** Of {@link questionBudget}, by user name. */
  readonly questions: Budget;
}

type Description = MessageInitShape<typeof DescribeDeviceResponseSchema>;

const maxText = 256;

/** Answers. Throws `invalid` for a question that no device asks, `access-denied` for one too many. */
export async function describeDevice(
  { context, inventory, questions }: DescribeContext,
  call: AuthCall,
  request: DescribeDeviceRequest,
): Promise<Description> {
  const user = requireUser(call);
  const policy = await loadPolicy(context);
  const state = await findDevice(inventory, request);
  const may = (...verbs: readonly RuleVerb[]) => mayAll(user, policy, verbs);
  const standing = standingTo(user, request, state, may("list", "read"));
  if (request.assetTag !== "" && !standing.trusted && !questions.take(user.username)) {
    // A denial and no limit, so that the audit log shows who tries serial numbers.
    throw new Fault("access-denied", "you asked about too many devices that are not yours", {
      hint: "wait half an hour, or ask a device administrator",
      audit: { reason: "device_questions" },
    });
  }
  return {
    ...(state && describeState(state, standing)),
    lock: standing.trusted ? lockOf(context, user, policy, state) : "",
    ...describeDemands(user, policy, context.clock.now()),
    unmetRules:
      state && standing.trusted ? findUnmetRules(user, policy, state, context.clock.now()) : [],
    autoEnroll:
      enrollsAutomatically(policy.authPreference.spec) && state?.record.copied === undefined,
    mayEnroll: isPerson(user) && may("enroll"),
    mayEnrollAlone:
      isPerson(user) &&
      may("list", "read", "create_enroll_token", "enroll") &&
      (state !== undefined || may("create")),
  };
}

async function findDevice(
  inventory: DeviceInventory,
  { osType, assetTag, credentialId }: DescribeDeviceRequest,
): Promise<DeviceState | undefined> {
  if (assetTag.length > maxText || credentialId.length > maxText) {
    throw new Fault("invalid", "the asset tag or the id of the key is too long");
  }
  if (assetTag === "") return undefined;
  const os = osTypes.find((known) => known === osType);
  if (os === undefined) throw new Fault("invalid", "the operating system is not one of devices");
  return inventory.findByTag(os, assetTag);
}

/** How the caller stands to the device. */
interface Standing {
  readonly owner: DeviceOwner;
  readonly holdsKey: boolean;
  /** May see `DeviceDetails`. */
  readonly informed: boolean;
  /** Need not be counted: owns the device, or knows the key that it is enrolled with, or may read the inventory. */
  readonly trusted: boolean;
}

function standingTo(
  user: UserIdentity,
  { credentialId }: DescribeDeviceRequest,
  state: DeviceState | undefined,
  reader: boolean,
): Standing {
  const { owner = "", credential } = state?.device.spec ?? {};
  const owns = owner !== "" && owner === user.username;
  const somebody = owner === "" ? DeviceOwner.UNSPECIFIED : DeviceOwner.SOMEBODY_ELSE;
  // The id of a key is the hash of a public key: who sends the right one has seen the device.
  const holdsKey = credentialId !== "" && credential?.id === credentialId;
  return {
    owner: owns ? DeviceOwner.CALLER : somebody,
    holdsKey,
    informed: state !== undefined && (owns || reader),
    trusted: owns || reader || holdsKey,
  };
}

function describeState(state: DeviceState, standing: Standing) {
  const { owner, holdsKey, informed } = standing;
  const { spec } = state.device;
  const last = lastAuthenticated(state.record);
  const { refusedBoot } = state.record;
  return {
    registered: true,
    enrolled: spec.enroll_status === "enrolled",
    owner,
    // The key goes when the enrollment ends.
    credentialMatches: holdsKey,
    ...(informed && {
      details: {
        owner: spec.owner ?? "",
        credentialId: spec.credential?.id ?? "",
        ...(last && { lastAuthenticated: timestampFromDate(last) }),
        ...(refusedBoot && { bootRefused: timestampFromDate(new Date(refusedBoot.seen)) }),
      },
    }),
  };
}

function lockOf(
  { clock }: Pick<AuthContext, "clock">,
  user: UserIdentity,
  { locks }: PolicyView,
  state: DeviceState | undefined,
): string {
  if (state === undefined) return "";
  const { metadata, spec } = state.device;
  const device = {
    deviceId: metadata.name,
    assetTag: spec.asset_tag,
    credentialId: spec.credential?.id ?? "",
  };
  return checkLocks({ ...user, device }, locks, clock.now())?.message ?? "";
}

/** Who demands a device, by a mode or by rules that nobody meets without one. */
function describeDemands(user: UserIdentity, { roles, authPreference }: PolicyView, now: Date) {
  const clusterMode = effectiveClusterMode(authPreference.spec.device_trust?.mode);
  const demands = (mode: string | undefined, rules: PlacedRules) =>
    demandsDevice([mode], user) || demandDevice(rules, user, now);
  return {
    clusterMode,
    clusterDemands: demands(clusterMode, rulesOfCluster(authPreference)),
    demandingRoles: applyRoles(user, roles)
      .roles.filter((role) => demands(role.spec.options.device_trust_mode, rulesOfRole(role)))
      .map(({ metadata, spec }) => {
        return { role: metadata.name, mode: spec.options.device_trust_mode ?? "" };
      }),
  };
}

function mayAll(
  identity: UserIdentity,
  { roles }: PolicyView,
  verbs: readonly RuleVerb[],
): boolean {
  return verbs.every((verb) => checkRule({ identity, roles, kind: "device", verb }).allowed);
}

/** Bots, and people in another's name, have no devices. */
function isPerson({ botName, impersonator }: UserIdentity): boolean {
  return botName === undefined && impersonator === undefined;
}
