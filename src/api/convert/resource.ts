/**
 * Resources between their canonical documents and the messages of the public API, by kind. A message that comes in
 * passes the strict schema of its kind: what an administrator may not write, a client may not send.
 */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { AttestationPolicySchema } from "#gen/gatehouse/v1/attestation_pb.ts";
import { DeviceSchema } from "#gen/teleport/devicetrust/v1/device_pb.ts";
import { AuthPreferenceV2Schema } from "#gen/types/auth_preference_pb.ts";
import { CertAuthorityV2Schema } from "#gen/types/cert_authority_pb.ts";
import {
  ClusterNetworkingConfigV2Schema,
  SessionRecordingConfigV2Schema,
} from "#gen/types/cluster_config_pb.ts";
import { DatabaseV3Schema } from "#gen/types/database_pb.ts";
import { DatabaseServerV3Schema } from "#gen/types/database_server_pb.ts";
import { KubernetesClusterV3Schema, KubernetesServerV3Schema } from "#gen/types/kubernetes_pb.ts";
import { LockV2Schema } from "#gen/types/lock_pb.ts";
import { ProvisionTokenV2Schema } from "#gen/types/provision_token_pb.ts";
import { RoleV6Schema } from "#gen/types/role_pb.ts";
import { ServerV2Schema } from "#gen/types/server_pb.ts";
import { UserV2Schema } from "#gen/types/user_pb.ts";
import type { Kind, ResourceOf } from "#resource/kinds.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { decodeDevice, encodeDevice } from "./device.ts";
import { decodeDocument, encodeDocument, type Plain } from "./document.ts";
import { keepOwnFields, mentionOwnFields } from "./own-fields.ts";

const schemas = {
  role: RoleV6Schema,
  user: UserV2Schema,
  device: DeviceSchema,
  token: ProvisionTokenV2Schema,
  lock: LockV2Schema,
  cluster_auth_preference: AuthPreferenceV2Schema,
  cluster_networking_config: ClusterNetworkingConfigV2Schema,
  session_recording_config: SessionRecordingConfigV2Schema,
  attestation_policy: AttestationPolicySchema,
  node: ServerV2Schema,
  db: DatabaseV3Schema,
  db_server: DatabaseServerV3Schema,
  kube_cluster: KubernetesClusterV3Schema,
  kube_server: KubernetesServerV3Schema,
  cert_authority: CertAuthorityV2Schema,
} as const satisfies Record<Kind, DescMessage>;

/** The message type of each kind. */
export type MessageOf<K extends Kind> = MessageShape<(typeof schemas)[K]>;

/** The descriptor of a kind's message. */
export function messageSchemaOf<K extends Kind>(kind: K): (typeof schemas)[K] {
  return schemas[kind];
}

/** The message of a canonical document. */
export function encodeResource<K extends Kind>(kind: K, resource: ResourceOf[K]): MessageOf<K> {
  if (kind === "device") return encodeDevice(resource as ResourceOf["device"]) as MessageOf<K>;
  const message = encodeDocument(schemas[kind], resource) as { Metadata?: { Namespace: string } };
  // Go peers expect the one namespace that there ever was.
  if (message.Metadata) message.Metadata.Namespace = "default";
  return message as unknown as MessageOf<K>;
}

/** The message of a canonical document by which a program of ours writes it: no field of ours is left to what is stored. */
export function encodeForWriting<K extends Kind>(kind: K, resource: ResourceOf[K]): MessageOf<K> {
  const message = encodeResource(kind, resource);
  mentionOwnFields(schemas[kind], message as never);
  return message;
}

/**
 * The canonical document of a message: defaults filled in, everything checked. Fields of ours that the message does not
 * mention are those of `stored`. Throws `invalid` that names every problem, and `malformed` for values that no document can
 * hold.
 */
export function decodeResource<K extends Kind>(
  kind: K,
  message: MessageOf<K>,
  stored?: ResourceOf[K],
): ResourceOf[K] {
  const plain = decodePlain(kind, message);
  return parseResourceOf(kind, keepOwnFields(schemas[kind], message as never, plain, stored));
}

/** The plain document of a message of our own auth service: converted, not checked again. */
export function decodePlain<K extends Kind>(
  kind: K,
  message: MessageOf<K>,
): { [key: string]: Plain } {
  if (kind === "device") return decodeDevice(message as MessageOf<"device">);
  // Clients may leave out the kind of what they send: the method says it.
  return { ...decodeDocument(schemas[kind], message as never), kind };
}
