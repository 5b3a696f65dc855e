/**
 * The documents that services decide with, collected from the feed of the auth service and turned into one view. A role that cannot be read counts as missing, which refuses its holders; anything else that cannot be read
 * throws, because a lock or a setting that is overlooked would allow too much.
 */
import type { PolicyView } from "#access/access-checks.ts";
import { type Reattestation, reattestationOf } from "#access/reattestation.ts";
import { Fault } from "#base/fault.ts";
import type { Logger } from "#base/log.ts";
import type { AuthorityChange } from "#gen/gatehouse/v1/agent_pb.ts";
import { attestationPolicySchema } from "#resource/attestation-policy.ts";
import { type CertAuthority, certAuthoritySchema } from "#resource/cert-authority.ts";
import {
  type ClusterAuthPreference,
  clusterAuthPreferenceSchema,
} from "#resource/cluster-auth-preference.ts";
import {
  type ClusterNetworkingConfig,
  clusterNetworkingConfigSchema,
} from "#resource/cluster-networking-config.ts";
import { type Database, databaseSchema } from "#resource/database.ts";
import { type DatabaseServer, databaseServerSchema } from "#resource/database-server.ts";
import { type DeviceFacts, deviceFactsSchema } from "#resource/device-facts.ts";
import { type KubeCluster, kubeClusterSchema } from "#resource/kube-cluster.ts";
import { type KubeServer, kubeServerSchema } from "#resource/kube-server.ts";
import { type Lock, lockSchema } from "#resource/lock.ts";
import { type Node, nodeSchema } from "#resource/node.ts";
import { type Role, roleSchema } from "#resource/role.ts";
import {
  type SessionRecordingConfig,
  sessionRecordingConfigSchema,
} from "#resource/session-recording-config.ts";
import { defaultAuthPreference, defaultNetworkingConfig } from "#resource/singletons.ts";
import { parseAuthorizedKey } from "#ssh/public-key.ts";
import { type Certificate, parseCertificate } from "#x509/certificate.ts";
import { parseSinglePem } from "#x509/pem.ts";
import type { PeerAuthorities } from "./peer.ts";

/** Everything that a service knows about its cluster at one moment. */
export interface AuthorityView {
  /**
   * `policy.current` is false before the first snapshot and when the feed is older than its lease. The same object until
   * a rule changes; `policy.devices` in it changes as the devices do, so do not keep what it says.
   */
  readonly policy: PolicyView;
  readonly networking: ClusterNetworkingConfig;
  /** Empty before the first snapshot. */
  readonly clusterName: string;
  /** Plain SSH public key blobs of the authorities that sign people's certificates. */
  readonly userAuthorities: readonly Uint8Array[];
  /** The authorities whose X.509 certificates identify peers. */
  readonly peerAuthorities: PeerAuthorities;
  /** PEM certificates of the authority that signs for database servers; empty for services that need none. */
  readonly databaseAuthorities: readonly string[];
  /** What can be reached, for those who follow it. Changes as the cluster does: do not keep it. */
  readonly resources: FollowedResources;
}

/** Documents by kind, and by the name under which auth keeps them. */
export interface FollowedResources {
  readonly node: ReadonlyMap<string, Node>;
  readonly db: ReadonlyMap<string, Database>;
  readonly db_server: ReadonlyMap<string, DatabaseServer>;
  readonly kube_cluster: ReadonlyMap<string, KubeCluster>;
  readonly kube_server: ReadonlyMap<string, KubeServer>;
}

/** A kind that some services follow besides what every decision needs. */
export type FollowedKind = keyof FollowedResources;

const followedSchemas: {
  readonly [K in FollowedKind]: { parse(value: unknown): unknown };
} = {
  node: nodeSchema,
  db: databaseSchema,
  db_server: databaseServerSchema,
  kube_cluster: kubeClusterSchema,
  kube_server: kubeServerSchema,
};

/** The kinds that every decision needs. */
export const policyKinds = [
  "role",
  "lock",
  "cert_authority",
  "cluster_auth_preference",
  "cluster_networking_config",
  "session_recording_config",
  "attestation_policy",
] as const;

/** The kind under which the feed carries facts of devices, for those that the service asks for. */
export const deviceFactsKind = "device_facts";

/** What a service knows before it has heard anything: nobody may do anything. */
export function emptyView(): AuthorityView {
  return {
    policy: {
      roles: new Map(),
      authPreference: defaultAuthPreference(),
      locks: [],
      devices: new Map(),
      current: false,
    },
    networking: defaultNetworkingConfig(),
    clusterName: "",
    userAuthorities: [],
    peerAuthorities: { user: [], host: [] },
    databaseAuthorities: [],
    resources: noResources(),
  };
}

function noResources() {
  return {
    node: new Map(),
    db: new Map(),
    db_server: new Map(),
    kube_cluster: new Map(),
    kube_server: new Map(),
  } satisfies FollowedResources;
}

/** The documents of one snapshot and the changes after it. */
export class AuthorityDocuments {
  readonly #log: Logger;
  readonly #roles = new Map<string, Role>();
  readonly #locks = new Map<string, Lock>();
  readonly #devices = new Map<string, DeviceFacts>();
  readonly #resources: { readonly [K in FollowedKind]: Map<string, unknown> } = noResources();
  readonly #authorities = new Map<string, CertAuthority>();
  #peerAuthorities: PeerAuthorities | undefined;
  #policy: PolicyView | undefined;
  #authPreference: ClusterAuthPreference | undefined;
  #networking: ClusterNetworkingConfig | undefined;
  #recording: SessionRecordingConfig | undefined;
  #reattestation: Reattestation | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Takes one change of the feed. Throws `malformed` for a document that cannot be read, roles excepted. */
  apply({ kind, name, document }: AuthorityChange): void {
    const given = document.length === 0 ? undefined : parseJson(document, kind);
    if (isFollowed(kind)) {
      this.#applyResource(kind, name, given);
      return;
    }
    if (kind === deviceFactsKind) {
      this.#set(this.#devices, kind, name, given, deviceFactsSchema);
      return;
    }
    this.#policy = undefined;
    switch (kind) {
      case "role":
        this.#applyRole(name, given);
        return;
      case "lock":
        this.#set(this.#locks, kind, name, given, lockSchema);
        return;
      case "cert_authority":
        this.#set(this.#authorities, kind, name, given, certAuthoritySchema);
        this.#peerAuthorities = undefined;
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
      case "attestation_policy":
        this.#reattestation = read(kind, () =>
          given === undefined ? undefined : reattestationOf(attestationPolicySchema.parse(given)),
        );
        return;
      default:
        this.#log.debug("the feed carries a kind that was not asked for", { kind });
    }
  }

  /** Drops the facts of a device that is followed no longer. */
  forgetDevice(id: string): void {
    this.#devices.delete(id);
  }

  /** The view of what is known now. Throws `malformed` while a part that decisions need is missing. */
  view(): AuthorityView {
    const user = this.#authorities.get("user");
    if (!this.#authPreference || !this.#networking || !this.#recording || !user) {
      throw new Fault("malformed", "the feed of the auth service is incomplete");
    }
    this.#policy ??= {
      roles: new Map(this.#roles),
      authPreference: this.#authPreference,
      locks: [...this.#locks.values()],
      devices: this.#devices,
      ...(this.#reattestation === undefined ? {} : { reattestation: this.#reattestation }),
      current: true,
    };
    return {
      policy: this.#policy,
      networking: this.#networking,
      clusterName: user.spec.cluster_name,
      userAuthorities: sshKeysOf(user),
      peerAuthorities: this.#readPeerAuthorities(),
      databaseAuthorities: tlsPemsOf(this.#authorities.get("db")),
      resources: this.#resources as FollowedResources,
    };
  }

  #set<T>(
    documents: Map<string, T>,
    kind: string,
    name: string,
    given: unknown,
    schema: { parse(value: unknown): T },
  ): void {
    if (given === undefined) documents.delete(name);
    else
      documents.set(
        name,
        read(kind, () => schema.parse(given)),
      );
  }

  /** Authorities rarely change: they are taken apart once. */
  #readPeerAuthorities(): PeerAuthorities {
    const certificatesOf = (type: string) => tlsCertificatesOf(this.#authorities.get(type));
    this.#peerAuthorities ??= { user: certificatesOf("user"), host: certificatesOf("host") };
    return this.#peerAuthorities;
  }

  /** A resource that cannot be read is not there: it is out of reach, and hides no other. */
  #applyResource(kind: FollowedKind, name: string, given: unknown): void {
    const documents = this.#resources[kind];
    documents.delete(name);
    if (given === undefined) return;
    try {
      documents.set(name, followedSchemas[kind].parse(given));
    } catch (error) {
      this.#log.warn("a resource cannot be read, so nobody reaches it", { kind, name, error });
    }
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

function tlsPemsOf(authority: CertAuthority | undefined): string[] {
  if (!authority) return [];
  const { active_keys: active, additional_trusted_keys: additional } = authority.spec;
  return [...(active.tls ?? []), ...(additional.tls ?? [])].map(({ cert }) =>
    Buffer.from(cert, "base64").toString(),
  );
}

function tlsCertificatesOf(authority: CertAuthority | undefined): Certificate[] {
  return tlsPemsOf(authority).map((pem) =>
    read("cert_authority", () => parseCertificate(parseSinglePem("CERTIFICATE", pem))),
  );
}

function isFollowed(kind: string): kind is FollowedKind {
  return Object.hasOwn(followedSchemas, kind);
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
