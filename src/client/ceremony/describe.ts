/** What the cluster says about this machine as a device, and about what the person may and must do with one. */
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { createClient, type GrpcClient } from "#api/grpc/client.ts";
import type { OsType } from "#devicetrust/messages.ts";
import { DeviceOwner, ExplainService } from "#gen/gatehouse/v1/admin_pb.ts";

/** This machine, as the question names it. */
export interface DeviceQuestion {
  readonly osType: OsType;
  /** Empty when the machine gives none. */
  readonly assetTag: string;
  /** Of the key that this machine holds. */
  readonly credentialId: string | undefined;
}

/** The answer. */
export interface DeviceDescription {
  readonly registered: boolean;
  readonly enrolled: boolean;
  /** Undefined: nobody. */
  readonly owner: "you" | "somebody else" | undefined;
  /** For the owner and administrators. */
  readonly details: DeviceDetails | undefined;
  /** The device is enrolled with the key of the question. */
  readonly credentialMatches: boolean;
  /** The lock on the device, in a sentence. */
  readonly lock: string | undefined;
  readonly clusterMode: string;
  readonly clusterDemands: boolean;
  readonly demandingRoles: readonly { readonly role: string; readonly mode: string }[];
  /** Rules of the cluster and of the person's roles that this device does not meet. */
  readonly unmetRules: readonly UnmetRule[];
  readonly autoEnroll: boolean;
  /** With a token from an administrator. */
  readonly mayEnroll: boolean;
  /** Without one. */
  readonly mayEnrollAlone: boolean;
}

/** A posture rule, as the cluster explains it. */
export interface UnmetRule {
  /** Undefined: the cluster's. */
  readonly role: string | undefined;
  readonly rule: string;
  /** What is demanded. */
  readonly message: string;
  /** What the cluster knows. */
  readonly facts: readonly string[];
  /** What would help. */
  readonly remedies: readonly string[];
}

/** What not everybody learns of a device. */
export interface DeviceDetails {
  readonly owner: string;
  /** Of the key that it is enrolled with; undefined when it is not. */
  readonly credentialId: string | undefined;
  /** Undefined when it never has since it was enrolled. */
  readonly lastAuthenticated: Date | undefined;
  /** When it was refused since then for what it measured at its start; undefined when it was not. */
  readonly bootRefused: Date | undefined;
}

const owners: ReadonlyMap<DeviceOwner, DeviceDescription["owner"]> = new Map([
  [DeviceOwner.CALLER, "you"],
  [DeviceOwner.SOMEBODY_ELSE, "somebody else"],
]);

/** Asks. Throws `access-denied` when the person has asked about too many devices, `unimplemented` at other servers. */
export async function describeDevice(
  auth: GrpcClient,
  { osType, assetTag, credentialId = "" }: DeviceQuestion,
): Promise<DeviceDescription> {
  const explain = createClient(ExplainService, auth);
  const answer = await explain.describeDevice({ osType, assetTag, credentialId });
  const { details, clusterMode, clusterDemands, autoEnroll, mayEnroll, mayEnrollAlone } = answer;
  const { lastAuthenticated: last, bootRefused } = details ?? {};
  return {
    registered: answer.registered,
    enrolled: answer.enrolled,
    owner: owners.get(answer.owner),
    details: details && {
      owner: details.owner,
      credentialId: details.credentialId || undefined,
      lastAuthenticated: last && timestampDate(last),
      bootRefused: bootRefused && timestampDate(bootRefused),
    },
    credentialMatches: answer.credentialMatches,
    lock: answer.lock || undefined,
    ...{ clusterMode, clusterDemands, autoEnroll, mayEnroll, mayEnrollAlone },
    unmetRules: answer.unmetRules.map(({ role, rule, message, facts, remedies }) => {
      return { role: role || undefined, rule, message, facts, remedies };
    }),
    demandingRoles: answer.demandingRoles.map(({ role, mode }) => ({ role, mode })),
  };
}
