/**
 * The documents that a node decides with, collected from the feed of the auth service and turned into one immutable
 * view. A role that cannot be read counts as missing, which refuses its holders; anything else that cannot be read
 * throws, because a lock or a setting that is overlooked would allow too much.
 */
import type { PolicyView } from "#access/access-checks.ts";
import { Fault } from "#base/fault.ts";
import type { Logger } from "#base/log.ts";
import type { AuthorityChange } from "#gen/gatehouse/v1/agent_pb.ts";
import { type CertAuthority, certAuthoritySchema } from "#resource/cert-authority.ts";
import {
  type ClusterAuthPreference,
  clusterAuthPreferenceSchema,
} from "#resource/cluster-auth-preference.ts";
import {
  type ClusterNetworkingConfig,
  clusterNetworkingConfigSchema,
} from "#resource/cluster-networking-config.ts";
import { type Lock, lockSchema } from "#resource/lock.ts";
import { type Role, roleSchema } from "#resource/role.ts";
import {
  type SessionRecordingConfig,
  sessionRecordingConfigSchema,
} from "#resource/session-recording-config.ts";
import { defaultAuthPreference, defaultNetworkingConfig } from "#resource/singletons.ts";
import { parseAuthorizedKey } from "#ssh/public-key.ts";

/** Everything that a node knows about its cluster at one moment. */
export interface AuthorityView {
  /** `policy.current` is false before the first snapshot and when the feed is older than its lease. */
  readonly policy: PolicyView;
  readonly networking: ClusterNetworkingConfig;
  /** Empty before the first snapshot. */
  readonly clusterName: string;
  /** Plain SSH public key blobs of the authorities that sign people's certificates. */
  readonly userAuthorities: readonly Uint8Array[];
}

/** The kinds that a node follows. */
export const followedKinds = [
  "role",
  "lock",
  "cert_authority",
  "cluster_auth_preference",
  "cluster_networking_config",
  "session_recording_config",
] as const;

/** What a node knows before it has heard anything: nobody may do anything. */
export function emptyView(): AuthorityView {
  return {
    policy: {
      roles: new Map(),
      authPreference: defaultAuthPreference(),
      locks: [],
      current: false,
    },
    networking: defaultNetworkingConfig(),
    clusterName: "",
    userAuthorities: [],
  };
}

/** The documents of one snapshot and the changes after it. */
export class AuthorityDocuments {
  readonly #log: Logger;
  readonly #roles = new Map<string, Role>();
  readonly #locks = new Map<string, Lock>();
  readonly #authorities = new Map<string, CertAuthority>();
  #authPreference: ClusterAuthPreference | undefined;
  #networking: ClusterNetworkingConfig | undefined;
  #recording: SessionRecordingConfig | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Takes one change of the feed. Throws `malformed` for a document that cannot be read, roles excepted. */
  apply({ kind, name, document }: AuthorityChange): void {
    const given = document.length === 0 ? undefined : parseJson(document, kind);
    switch (kind) {
      case "role":
        this.#applyRole(name, given);
        return;
      case "lock":
        if (given === undefined) this.#locks.delete(name);
        else
          this.#locks.set(
            name,
            read(kind, () => lockSchema.parse(given)),
          );
        return;
      case "cert_authority":
        if (given === undefined) this.#authorities.delete(name);
        else
          this.#authorities.set(
            name,
            read(kind, () => certAuthoritySchema.parse(given)),
          );
        return;
      case "cluster_auth_preference":
        this.#authPreference = read(kind, () =>
          given === undefined ? undefined : clusterAuthPreferenceSchema.parse(given),
        );
        return;
      case "cluster_networking_config":
        this.#networking = read(kind, () =>
          given === undefined ? undefined : clusterNetworkingConfigSchema.parse(given),
        );
        return;
      case "session_recording_config":
        this.#recording = read(kind, () =>
          given === undefined ? undefined : sessionRecordingConfigSchema.parse(given),
        );
        return;
      default:
        this.#log.debug("the feed carries a kind that was not asked for", { kind });
    }
  }

  /** The view of what is known now. Throws `malformed` while a part that decisions need is missing. */
  view(): AuthorityView {
    const user = this.#authorities.get("user");
    if (!this.#authPreference || !this.#networking || !this.#recording || !user) {
      throw new Fault("malformed", "the feed of the auth service is incomplete");
    }
    return {
      policy: {
        roles: new Map(this.#roles),
        authPreference: this.#authPreference,
        locks: [...this.#locks.values()],
        current: true,
      },
      networking: this.#networking,
      clusterName: user.spec.cluster_name,
      userAuthorities: sshKeysOf(user),
    };
  }

  #applyRole(name: string, given: unknown): void {
    this.#roles.delete(name);
    if (given === undefined) return;
    try {
      this.#roles.set(name, roleSchema.parse(given));
    } catch (error) {
      this.#log.warn("a role cannot be read; its holders are refused here", { role: name, error });
    }
  }
}

function sshKeysOf({ spec }: CertAuthority): Uint8Array[] {
  const keys = [...(spec.active_keys.ssh ?? []), ...(spec.additional_trusted_keys.ssh ?? [])];
  return keys.map(({ public_key: key }) =>
    read("cert_authority", () => parseAuthorizedKey(Buffer.from(key, "base64").toString()).blob),
  );
}

function parseJson(bytes: Uint8Array, kind: string): unknown {
  return read(kind, () => JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
}

function read<T>(kind: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new Fault("malformed", `a document of the kind ${kind} cannot be read`, { cause });
  }
}
