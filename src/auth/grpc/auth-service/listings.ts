/** proto.AuthService, lists of what people can reach: one kind at a time, or several together. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type ReachableDocument, type ReachableKind, reachableOf } from "#access/reachable.ts";
import { encodeResource, type MessageOf } from "#api/convert/resource.ts";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { Fault } from "#base/fault.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import type { PaginatedResourceSchema } from "#gen/proto/listing_pb.ts";
import type { ResourceOf } from "#resource/kinds.ts";
import type { AuthContext } from "../../context.ts";
import {
  countDocuments,
  type Listing,
  type ListingQuery,
  listDocuments,
  loginsOf,
  visibleTo,
} from "../../listing.ts";
import { loadPolicy } from "../../policy.ts";
import type { Stores } from "../../store/stores.ts";
import { type AuthCall, requireIdentity } from "../guard.ts";
import { readPageSize } from "../paging.ts";

type Row = MessageInitShape<typeof PaginatedResourceSchema>;

/** Where each kind is kept, and where it stands in a row of the answer. */
const listed: {
  readonly [K in ReachableKind]: {
    readonly all: (stores: Stores) => Promise<readonly ResourceOf[K][]>;
    readonly place: "Node" | "DatabaseServer" | "KubernetesServer";
  };
} = {
  node: { all: (stores) => stores.nodes.all(), place: "Node" },
  db_server: { all: (stores) => stores.databaseServers.all(), place: "DatabaseServer" },
  kube_server: { all: (stores) => stores.kubeServers.all(), place: "KubernetesServer" },
};

/** Kinds that exist in the public API and that this cluster has none of: their lists are empty. */
const emptyKinds: readonly string[] = [
  "app_server",
  "db_service",
  "windows_desktop",
  "kube_cluster",
  "user_group",
];

/** Handlers of the lists. */
export function listingHandlers(context: AuthContext): ServiceHandlers<typeof AuthService, Peer> {
  /** Rows of a list; with the accounts that the caller may ask for, if the client wants them. */
  async function rows(
    call: AuthCall,
    found: readonly ReachableDocument[],
    withLogins: boolean,
  ): Promise<Row[]> {
    const { roles } = await loadPolicy(context);
    const logins = withLogins ? loginsOf(requireIdentity(call), roles) : () => [];
    return found.map((document) => ({
      resource: { case: listed[document.kind].place, value: messageOf(document.kind, document) },
      Logins: document.kind === "node" ? logins(document) : [],
    })) as Row[];
  }

  async function list(
    call: AuthCall,
    documents: readonly ReachableDocument[],
    query: ListingQuery,
  ): Promise<Listing<ReachableDocument> & { readonly count: () => number }> {
    const { roles } = await loadPolicy(context);
    const mayList = visibleTo(requireIdentity(call), roles);
    const page = listDocuments(documents, mayList, query);
    return { ...page, count: () => countDocuments(documents, mayList, query) };
  }

  return {
    // With UseSearchAsRoles, a client asks what its user could request. It must find nothing, or it would request it:
    // there are no access requests.
    async listUnifiedResources(request, call) {
      requireIdentity(call);
      if (request.UseSearchAsRoles) return {};
      const kinds = Object.keys(listed) as ReachableKind[];
      const wanted = kinds.filter(
        (kind) => request.Kinds.length === 0 || request.Kinds.includes(kind),
      );
      const found = await Promise.all(wanted.map((kind) => listed[kind].all(context.stores)));
      const [only = [], ...others] = found.map(oncePerName);
      // The one list is always the same object, so that it is sorted once.
      const documents = others.length === 0 ? only : [only, ...others].flat();
      const page = await list(call, documents, queryOf(request));
      const Resources = await rows(call, page.documents, request.IncludeLogins);
      return { Resources, NextKey: page.next };
    },

    async listResources(request, call) {
      requireIdentity(call);
      const { ResourceType: kind } = request;
      if (emptyKinds.includes(kind)) return {};
      if (!isListed(kind)) throw new Fault("unimplemented", `there are no lists of "${kind}"`);
      if (request.UseSearchAsRoles) return {};
      const page = await list(call, await listed[kind].all(context.stores), queryOf(request));
      const Resources = await rows(call, page.documents, request.IncludeLogins);
      const TotalCount = request.NeedTotalCount ? page.count() : 0;
      return { Resources, NextKey: page.next, TotalCount };
    },
  };
}

function isListed(kind: string): kind is ReachableKind {
  return Object.hasOwn(listed, kind);
}

/** A resource that several agents serve stands once among resources of all kinds. Servers are never alike. */
function oncePerName(documents: readonly ReachableDocument[]): readonly ReachableDocument[] {
  if (documents[0] === undefined || documents[0].kind === "node") return documents;
  return [...new Map(documents.map((document) => [reachableOf(document).name, document])).values()];
}

const messages = new WeakMap<ReachableDocument, MessageOf<ReachableKind>>();

/** The message of a stored document. Documents are the same objects until they change, and lists ask for all of them. */
export function messageOf<K extends ReachableKind>(kind: K, document: ResourceOf[K]): MessageOf<K> {
  const known = messages.get(document);
  if (known !== undefined) return known as MessageOf<K>;
  const message = encodeResource(kind, document);
  messages.set(document, message);
  return message;
}

/** A question about everything. */
export const everything: ListingQuery = {
  limit: 1000,
  start: "",
  labels: {},
  predicate: "",
  search: [],
  descending: false,
};

/** Every word and label is held against every resource: a list of them is short, as people type it. */
const maxWords = 64;
const maxWordLength = 1024;

/** Throws `limit` for more words than a person types. */
export function assertShort(words: readonly string[]): void {
  if (words.length <= maxWords && words.every((word) => word.length <= maxWordLength)) return;
  throw new Fault("limit", `a search has at most ${maxWords} words and labels`);
}

function queryOf(request: {
  readonly Limit: number;
  readonly StartKey: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly PredicateExpression: string;
  readonly SearchKeywords: readonly string[];
  readonly SortBy?: { readonly IsDesc: boolean } | undefined;
}): ListingQuery {
  assertShort([...request.SearchKeywords, ...Object.entries(request.Labels).flat()]);
  return {
    limit: readPageSize(request.Limit),
    start: request.StartKey,
    labels: request.Labels,
    predicate: request.PredicateExpression,
    search: request.SearchKeywords,
    descending: request.SortBy?.IsDesc ?? false,
  };
}
