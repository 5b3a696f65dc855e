/** teleport.clusterconfig.v1.ClusterConfigService: the settings that exist once. Reading needs a certificate, writing a rule. */
import { decodeResource, encodeResource } from "#api/convert/resource.ts";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { actorOf } from "#audit/actor.ts";
import { Fault } from "#base/fault.ts";
import type { ClusterConfigService } from "#gen/teleport/clusterconfig/v1/service_pb.ts";
import type { AuthPreferenceV2 } from "#gen/types/auth_preference_pb.ts";
import type { ClusterAuthPreference } from "#resource/cluster-auth-preference.ts";
import {
  defaultAuthPreference,
  defaultNetworkingConfig,
  defaultSessionRecordingConfig,
} from "#resource/singletons.ts";
import { parseEndorsementAuthorities } from "#tpm/endorsement-chain.ts";
import type { AuthContext } from "../context.ts";
import type { DocumentStore, StoredDocument } from "../store/documents.ts";
import { type AuthCall, authorize, requireIdentity } from "./guard.ts";

type ConfigEvent =
  | "auth_preference.update"
  | "cluster_networking_config.update"
  | "session_recording_config.update";

/** The four acts on one setting. */
function actsOn<T extends StoredDocument>(
  context: AuthContext,
  event: ConfigEvent,
  store: DocumentStore<T>,
  fallback: () => T,
) {
  /** The document is read after the permission is clear: nothing that strangers send is looked at. */
  async function write(
    call: AuthCall,
    read: (stored: T | undefined) => T,
    keep: (document: T) => Promise<T>,
  ) {
    const caller = await authorize(context, call, store.kind, "update");
    const document = read(await store.find(fallback().metadata.name));
    await context.audit.record(event, {
      ...actorOf(caller),
      "addr.remote": call.peer.address,
    });
    return keep(document);
  }
  return {
    get(call: AuthCall): Promise<T> {
      requireIdentity(call);
      return store.get(fallback().metadata.name);
    },
    update: (call: AuthCall, read: (stored: T | undefined) => T) =>
      write(call, read, (kept) => store.update(kept)),
    upsert: (call: AuthCall, read: (stored: T | undefined) => T) =>
      write(call, read, (kept) => store.upsert(kept)),
    reset: (call: AuthCall) => write(call, fallback, (kept) => store.upsert(kept)),
  };
}

/** The handlers of ClusterConfigService. */
export function configService(
  context: AuthContext,
): ServiceHandlers<typeof ClusterConfigService, Peer> {
  const { stores } = context;
  const auth = "cluster_auth_preference";
  const networking = "cluster_networking_config";
  const recording = "session_recording_config";
  const preference = actsOn(
    context,
    "auth_preference.update",
    stores.authPreference,
    defaultAuthPreference,
  );
  const network = actsOn(
    context,
    "cluster_networking_config.update",
    stores.networkingConfig,
    defaultNetworkingConfig,
  );
  const record = actsOn(
    context,
    "session_recording_config.update",
    stores.recordingConfig,
    defaultSessionRecordingConfig,
  );
  return {
    getAuthPreference: async (_, call) => encodeResource(auth, await preference.get(call)),
    updateAuthPreference: async ({ authPreference }, call) =>
      encodeResource(
        auth,
        await preference.update(call, (stored) => readPreference(authPreference, stored)),
      ),
    upsertAuthPreference: async ({ authPreference }, call) =>
      encodeResource(
        auth,
        await preference.upsert(call, (stored) => readPreference(authPreference, stored)),
      ),
    resetAuthPreference: async (_, call) => encodeResource(auth, await preference.reset(call)),

    getClusterNetworkingConfig: async (_, call) =>
      encodeResource(networking, await network.get(call)),
    updateClusterNetworkingConfig: async ({ clusterNetworkConfig }, call) =>
      encodeResource(
        networking,
        await network.update(call, () => decodeResource(networking, given(clusterNetworkConfig))),
      ),
    upsertClusterNetworkingConfig: async ({ clusterNetworkConfig }, call) =>
      encodeResource(
        networking,
        await network.upsert(call, () => decodeResource(networking, given(clusterNetworkConfig))),
      ),
    resetClusterNetworkingConfig: async (_, call) =>
      encodeResource(networking, await network.reset(call)),

    getSessionRecordingConfig: async (_, call) => encodeResource(recording, await record.get(call)),
    updateSessionRecordingConfig: async ({ sessionRecordingConfig }, call) =>
      encodeResource(
        recording,
        await record.update(call, () => decodeResource(recording, given(sessionRecordingConfig))),
      ),
    upsertSessionRecordingConfig: async ({ sessionRecordingConfig }, call) =>
      encodeResource(
        recording,
        await record.upsert(call, () => decodeResource(recording, given(sessionRecordingConfig))),
      ),
    resetSessionRecordingConfig: async (_, call) =>
      encodeResource(recording, await record.reset(call)),
  };
}

/** A list of TPM makers that cannot be read would shut out every device: it is refused before it is stored. */
function readPreference(
  message: AuthPreferenceV2 | undefined,
  stored: ClusterAuthPreference | undefined,
): ClusterAuthPreference {
  const preference = decodeResource("cluster_auth_preference", given(message), stored);
  parseEndorsementAuthorities(preference.spec.device_trust?.ekcert_allowed_cas ?? []);
  return preference;
}

function given<T>(message: T | undefined): T {
  if (message === undefined) throw new Fault("invalid", "the request carries no settings");
  return message;
}
