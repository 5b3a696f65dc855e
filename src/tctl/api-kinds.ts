/**
 * Which calls of the public API list, read and write each kind of resource. One row per kind; `api-client.ts`
 * converts the messages.
 */
import { decodePlain, type MessageOf } from "#api/convert/resource.ts";
import { createClient, type GrpcClient } from "#api/grpc/client.ts";
import { Fault, type FaultCode, isFault } from "#base/fault.ts";
import { AttestationService } from "#gen/gatehouse/v1/attestation_pb.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import type { PaginatedResource } from "#gen/proto/listing_pb.ts";
import { ClusterConfigService } from "#gen/teleport/clusterconfig/v1/service_pb.ts";

import { DeviceTrustService, DeviceView } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import { TrustService } from "#gen/teleport/trust/v1/service_pb.ts";
import { UsersService } from "#gen/teleport/users/v1/service_pb.ts";
import { certAuthorityTypes } from "#resource/cert-authority.ts";
import type { Kind } from "#resource/kinds.ts";

/** Calls of one kind. A write answers the stored message where the API does; undefined where it answers nothing. */
export interface KindCalls<K extends Kind> {
  list(): Promise<MessageOf<K>[]>;
  get(name: string, subKind: string | undefined): Promise<MessageOf<K> | undefined>;
  create(message: MessageOf<K>): Promise<MessageOf<K> | undefined>;
  upsert(message: MessageOf<K>): Promise<MessageOf<K> | undefined>;
  /** Conditional on the revision where the API has that; else as `upsert`. */
  update(message: MessageOf<K>): Promise<MessageOf<K> | undefined>;
  remove(name: string): Promise<unknown>;
}

/** Entries asked for at once, and pages read at most. */
const pageSize = 500;
const maxPages = 1000;

/** The rows over one connection. */
export function kindCallsOver(grpc: GrpcClient): { readonly [K in Kind]: KindCalls<K> } {
  const auth = createClient(AuthService, grpc);
  const users = createClient(UsersService, grpc);
  const config = createClient(ClusterConfigService, grpc);
  const devices = createClient(DeviceTrustService, grpc);
  const trust = createClient(TrustService, grpc);
  const attestation = createClient(AttestationService, grpc);
  return {
    user: {
      list: () =>
        readPages((pageToken) =>
          users.listUsers({ pageSize, pageToken }).then((a) => [a.users, a.nextPageToken]),
        ),
      get: async (name) => (await users.getUser({ name })).user,
      create: async (user) => (await users.createUser({ user })).user,
      upsert: async (user) => (await users.upsertUser({ user })).user,
      update: async (user) => (await users.updateUser({ user })).user,
      remove: (name) => users.deleteUser({ name }),
    },
    role: {
      list: () =>
        readPages((StartKey) =>
          auth.listRoles({ Limit: pageSize, StartKey }).then((a) => [a.Roles, a.NextKey]),
        ),
      get: (Name) => auth.getRole({ Name }),
      create: (Role) => auth.createRole({ Role }),
      upsert: (Role) => auth.upsertRoleV2({ Role }),
      update: (Role) => auth.updateRole({ Role }),
      remove: (Name) => auth.deleteRole({ Name }),
    },
    token: {
      list: () =>
        readPages<MessageOf<"token">>((StartKey) =>
          auth
            .listProvisionTokens({ Limit: pageSize, StartKey })
            .then((a) => [a.Tokens, a.NextKey] as const),
        ).catch(
          // Before there were pages (17.0.0-dev).
          otherwise("unimplemented", async () => (await auth.getTokens({})).ProvisionTokens),
        ),
      get: (Name) => auth.getToken({ Name }),
      create: (value) => nothing(auth.createTokenV2({ Token: { case: "V2", value } })),
      upsert: (value) => nothing(auth.upsertTokenV2({ Token: { case: "V2", value } })),
      update: (value) => nothing(auth.upsertTokenV2({ Token: { case: "V2", value } })),
      remove: (Name) => auth.deleteToken({ Name }),
    },
    lock: {
      list: async () => (await auth.getLocks({})).Locks,
      get: (Name) => auth.getLock({ Name }),
      create: async (lock) => {
        const name = lock.Metadata?.Name ?? "";
        await refuseExisting("lock", name, () => auth.getLock({ Name: name }));
        return nothing(auth.upsertLock(lock));
      },
      upsert: (lock) => nothing(auth.upsertLock(lock)),
      update: (lock) => nothing(auth.upsertLock(lock)),
      remove: (Name) => auth.deleteLock({ Name }),
    },
    node: {
      list: () =>
        readPages((StartKey) =>
          auth
            .listResources({
              ResourceType: "node",
              Namespace: "default",
              Limit: pageSize,
              StartKey,
            })
            .then((answer) => [
              answer.Resources.flatMap(({ resource }) =>
                resource.case === "Node" ? [resource.value] : [],
              ),
              answer.NextKey,
            ]),
        ),
      get: (Name) => auth.getNode({ Name, Namespace: "default" }),
      create: async (node) => {
        const name = node.Metadata?.Name ?? "";
        await refuseExisting("node", name, () =>
          auth.getNode({ Name: name, Namespace: "default" }),
        );
        return nothing(auth.upsertNode(node));
      },
      upsert: (node) => nothing(auth.upsertNode(node)),
      update: (node) => nothing(auth.upsertNode(node)),
      remove: (Name) => auth.deleteNode({ Name, Namespace: "default" }),
    },
    db: {
      list: async () => (await auth.getDatabases({})).Databases,
      get: (Name) => auth.getDatabase({ Name }),
      create: (database) => nothing(auth.createDatabase(database)),
      upsert: (database) =>
        nothing(
          auth
            .createDatabase(database)
            .catch(otherwise("already-exists", () => auth.updateDatabase(database))),
        ),
      update: (database) => nothing(auth.updateDatabase(database)),
      remove: (Name) => auth.deleteDatabase({ Name }),
    },
    db_server: agentKind((predicate) =>
      listServers(auth, "db_server", predicate, ({ resource }) =>
        resource.case === "DatabaseServer" ? [resource.value] : [],
      ),
    ),
    kube_cluster: {
      list: async () => (await auth.getKubernetesClusters({})).KubernetesClusters,
      get: async (name) =>
        (await auth.getKubernetesClusters({})).KubernetesClusters.find(
          ({ Metadata }) => Metadata?.Name === name,
        ),
      create: (cluster) => nothing(auth.createKubernetesCluster(cluster)),
      upsert: (cluster) =>
        nothing(
          auth
            .createKubernetesCluster(cluster)
            .catch(otherwise("already-exists", () => auth.updateKubernetesCluster(cluster))),
        ),
      update: (cluster) => nothing(auth.updateKubernetesCluster(cluster)),
      remove: (Name) => auth.deleteKubernetesCluster({ Name }),
    },
    kube_server: agentKind((predicate) =>
      listServers(auth, "kube_server", predicate, ({ resource }) =>
        resource.case === "KubernetesServer" ? [resource.value] : [],
      ),
    ),
    device: {
      list: () =>
        readPages((pageToken) =>
          devices
            .listDevices({ pageSize, pageToken, view: DeviceView.RESOURCE })
            .then((a) => [a.devices, a.nextPageToken]),
        ),
      get: (deviceId) => devices.getDevice({ deviceId }),
      create: (device) => devices.createDevice({ device, createAsResource: true }),
      upsert: (device) => devices.upsertDevice({ device, createAsResource: true }),
      update: async (device) => {
        const stored = await devices.getDevice({ deviceId: device.id });
        return devices.updateDevice({ device, updateMask: { paths: changesOf(stored, device) } });
      },
      remove: (deviceId) => devices.deleteDevice({ deviceId }),
    },
    cluster_auth_preference: {
      list: async () => [await config.getAuthPreference({})],
      get: () => config.getAuthPreference({}),
      create: (authPreference) => config.upsertAuthPreference({ authPreference }),
      upsert: (authPreference) => config.upsertAuthPreference({ authPreference }),
      update: (authPreference) => config.updateAuthPreference({ authPreference }),
      remove: () => config.resetAuthPreference({}),
    },
    cluster_networking_config: {
      list: async () => [await config.getClusterNetworkingConfig({})],
      get: () => config.getClusterNetworkingConfig({}),
      create: (clusterNetworkConfig) =>
        config.upsertClusterNetworkingConfig({ clusterNetworkConfig }),
      upsert: (clusterNetworkConfig) =>
        config.upsertClusterNetworkingConfig({ clusterNetworkConfig }),
      update: (clusterNetworkConfig) =>
        config.updateClusterNetworkingConfig({ clusterNetworkConfig }),
      remove: () => config.resetClusterNetworkingConfig({}),
    },
    session_recording_config: {
      list: async () => [await config.getSessionRecordingConfig({})],
      get: () => config.getSessionRecordingConfig({}),
      create: (sessionRecordingConfig) =>
        config.upsertSessionRecordingConfig({ sessionRecordingConfig }),
      upsert: (sessionRecordingConfig) =>
        config.upsertSessionRecordingConfig({ sessionRecordingConfig }),
      update: (sessionRecordingConfig) =>
        config.updateSessionRecordingConfig({ sessionRecordingConfig }),
      remove: () => config.resetSessionRecordingConfig({}),
    },
    attestation_policy: {
      list: async () => [await attestation.getAttestationPolicy({})],
      get: () => attestation.getAttestationPolicy({}),
      create: (policy) => attestation.upsertAttestationPolicy({ policy }),
      upsert: (policy) => attestation.upsertAttestationPolicy({ policy }),
      update: (policy) => attestation.updateAttestationPolicy({ policy }),
      remove: () => attestation.resetAttestationPolicy({}),
    },
    cert_authority: {
      list: async () => {
        const answers = await Promise.all(
          certAuthorityTypes.map((type) =>
            trust
              .getCertAuthorities({ type })
              .then((answer) => answer.certAuthoritiesV2)
              // A cluster of before knows fewer types (17.0.0-dev: no okta).
              .catch(otherwise("invalid", async () => [])),
          ),
        );
        return answers.flat();
      },
      get: (domain, type = "host") => trust.getCertAuthority({ type, domain }),
      create: refuseAuthority,
      upsert: refuseAuthority,
      update: refuseAuthority,
      remove: refuseAuthority,
    },
  };
}

/**
 * The fields in which two versions of a device differ, for the update mask: also those that the server refuses to
 * change, so that the person hears of it. Devices carry no revision; the time of the last update does its work.
 */
function changesOf(stored: MessageOf<"device">, edited: MessageOf<"device">): string[] {
  const before = specOf(stored);
  const after = specOf(edited);
  if (before["update_time"] !== after["update_time"]) {
    throw new Fault("conflict", "the device was changed meanwhile");
  }
  const fields = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...fields].filter(
    (field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]),
  );
}

function specOf(device: MessageOf<"device">): Readonly<Record<string, unknown>> {
  return decodePlain("device", device)["spec"] as Readonly<Record<string, unknown>>;
}

/** All pages of a listing. Throws `limit` when the peer never stops. */
export async function readPages<T>(
  read: (key: string) => Promise<readonly [readonly T[], string]>,
): Promise<T[]> {
  const all: T[] = [];
  let key = "";
  for (let page = 0; page < maxPages; page++) {
    const [items, next] = await read(key);
    all.push(...items);
    if (next === "") return all;
    key = next;
  }
  throw new Fault("limit", "the listing of the cluster does not end");
}

/** For kinds that the API can only overwrite: throws `already-exists` when the name is taken. */
async function refuseExisting(
  kind: Kind,
  name: string,
  get: () => Promise<unknown>,
): Promise<void> {
  if (name === "") return;
  try {
    await get();
  } catch (error) {
    if (isFault(error, "not-found")) return;
    throw error;
  }
  throw new Fault("already-exists", `${kind} "${name}" already exists`);
}

/** What to do instead after a failure of one kind; other failures are thrown on. */
function otherwise<T>(code: FaultCode, instead: () => Promise<T>): (error: unknown) => Promise<T> {
  return async (error) => {
    if (!isFault(error, code)) throw error;
    return instead();
  };
}

async function nothing(call: Promise<unknown>): Promise<undefined> {
  await call;
  return undefined;
}

/** All rows of one kind of servers, as agents advertise them. */
function listServers<T>(
  auth: ReturnType<typeof createClient<typeof AuthService>>,
  ResourceType: string,
  PredicateExpression: string,
  read: (row: PaginatedResource) => T[],
): Promise<T[]> {
  return readPages((StartKey) =>
    auth
      .listResources({
        ResourceType,
        Namespace: "default",
        Limit: pageSize,
        StartKey,
        PredicateExpression,
      })
      .then((answer) => [answer.Resources.flatMap(read), answer.NextKey]),
  );
}

/** Calls of a kind that only agents write. */
function agentKind<K extends "db_server" | "kube_server">(
  list: (predicate: string) => Promise<MessageOf<K>[]>,
): KindCalls<K> {
  return {
    list: () => list(""),
    get: async (name) => (await list(`name == ${JSON.stringify(name)}`)).at(0),
    create: refuseServer,
    upsert: refuseServer,
    update: refuseServer,
    remove: refuseServer,
  };
}

async function refuseServer(): Promise<never> {
  throw new Fault("invalid", "agents say themselves what they serve", {
    hint: "write what it serves instead: kind: db, or kind: kube_cluster",
  });
}

async function refuseAuthority(): Promise<never> {
  throw new Fault("invalid", "authorities are made by the auth service and cannot be written");
}
