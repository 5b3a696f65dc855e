/**
 * proto.AuthService, WatchEvents: changes of resources as they become durable, for the caches of clients and for
 * scripts. The first event confirms what is watched; from then on nothing is missed. What existed before is not sent.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { encodeResource } from "#api/convert/resource.ts";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { formatPrefix } from "#backend/key.ts";
import { Fault } from "#base/fault.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import { type EventSchema, Operation } from "#gen/proto/event_pb.ts";
import type { WatchKind } from "#gen/types/request_pb.ts";
import type { ResourceOf } from "#resource/kinds.ts";
import type { AuthContext } from "../../context.ts";
import { decodeChanges, type FeedUpdate, storesOf } from "../../hosts/feed.ts";
import { documentsFolder } from "../../store/documents.ts";
import { type AuthCall, authorize, checkPeer, requireIdentity } from "../guard.ts";

type Event = MessageInitShape<typeof EventSchema>;
type Change = Extract<FeedUpdate, { readonly type: "change" }>;

/** Where each kind stands in an event. Authorities do not change while auth runs; their watch is silent. */
const places = {
  user: "User",
  role: "Role",
  token: "ProvisionToken",
  lock: "Lock",
  node: "Server",
  db: "Database",
  db_server: "DatabaseServer",
  kube_cluster: "KubernetesCluster",
  kube_server: "KubernetesServer",
  cluster_auth_preference: "AuthPreference",
  cluster_networking_config: "ClusterNetworkingConfig",
  session_recording_config: "SessionRecordingConfig",
  cert_authority: "CertAuthority",
} as const;

type WatchedKind = keyof typeof places;

/** Everybody with a certificate may read these one by one, so may follow them. */
const open: readonly WatchedKind[] = [
  "cert_authority",
  "cluster_auth_preference",
  "cluster_networking_config",
  "session_recording_config",
];

/** Handlers of the watch. */
export function watchHandlers(context: AuthContext): ServiceHandlers<typeof AuthService, Peer> {
  return {
    async *watchEvents({ Kinds: wanted, AllowPartialSuccess: partial }, call) {
      requireIdentity(call);
      const kinds = await grantedKinds(context, call, wanted, partial);
      const stores = storesOf(
        context,
        kinds.map(({ Kind }) => Kind),
      );
      const range = { prefix: formatPrefix(...documentsFolder) };
      // Registered before the first event confirms it.
      const changes = context.backend.watch(range, { signal: call.signal });
      yield confirmation(kinds);
      for await (const change of decodeChanges(changes, stores)) {
        if (change.type !== "change") continue;
        const followed = kinds.filter(({ Kind, Name }) => covers(Kind, Name, change));
        if (followed.length === 0) continue;
        // Whoever has lost the right to read meanwhile learns no more.
        await checkPeer(context, call);
        await grantedKinds(context, call, followed, false);
        yield eventOf(change);
      }
    },
  };
}

function covers(kind: string, name: string, change: Change): boolean {
  return kind === change.kind && (name === "" || name === change.name);
}

/** The kinds that the caller may watch. Throws for the others, or leaves them out when `partial`. */
async function grantedKinds(
  context: AuthContext,
  call: AuthCall,
  wanted: readonly WatchKind[],
  partial: boolean,
): Promise<readonly WatchKind[]> {
  if (wanted.length === 0) throw new Fault("invalid", "the request names no kind to watch");
  const granted: WatchKind[] = [];
  let refusal: unknown;
  for (const kind of wanted) {
    try {
      await assertMayWatch(context, call, kind);
      granted.push(kind);
    } catch (error) {
      if (!partial) throw error;
      refusal ??= error;
    }
  }
  if (granted.length === 0) throw refusal;
  return granted;
}

async function assertMayWatch(context: AuthContext, call: AuthCall, kind: WatchKind) {
  if (!isWatched(kind.Kind)) throw new Fault("invalid", `"${kind.Kind}" cannot be watched`);
  if (kind.LoadSecrets) throw new Fault("access-denied", "secrets never leave auth");
  if (!open.includes(kind.Kind)) await authorize(context, call, kind.Kind, "read");
}

function isWatched(kind: string): kind is WatchedKind {
  return Object.hasOwn(places, kind);
}

function confirmation(kinds: readonly WatchKind[]): Event {
  return {
    Type: Operation.INIT,
    Resource: {
      case: "WatchStatus",
      value: { Kind: "watch_status", Version: "v1", Spec: { Kinds: [...kinds] } },
    },
  };
}

function eventOf({ kind, name, document }: Change): Event {
  if (!document) {
    const Metadata = { Name: name, Namespace: "default" };
    const value = { Kind: kind, Metadata };
    return { Type: Operation.DELETE, Resource: { case: "ResourceHeader", value } };
  }
  const known = kind as WatchedKind;
  const value = encodeResource(known, document as ResourceOf[WatchedKind]);
  return { Type: Operation.PUT, Resource: { case: places[known], value } } as Event;
}
