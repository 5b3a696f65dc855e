/** proto.AuthService, servers: lists for people, and the documents for administrators. */
import { decodeResource, encodeResource, type MessageOf } from "#api/convert/resource.ts";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { actorOf } from "#audit/actor.ts";
import { Fault } from "#base/fault.ts";
import { uuid } from "#base/random.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import type { Node } from "#resource/node.ts";
import type { AuthContext } from "../../context.ts";
import {
  countNodes,
  type Listing,
  type ListingQuery,
  listNodes,
  loginsOf,
  visibleTo,
} from "../../listing.ts";
import { loadPolicy } from "../../policy.ts";
import { type AuthCall, authorize, requireIdentity } from "../guard.ts";
import { readPageSize } from "../paging.ts";

/** Kinds that exist in the public API and that this cluster has none of: their lists are empty. */
const emptyKinds: readonly string[] = [
  "db_server",
  "kube_server",
  "app_server",
  "db_service",
  "windows_desktop",
  "kube_cluster",
  "user_group",
];

/** Handlers of the calls about servers. */
export function nodeHandlers(context: AuthContext): ServiceHandlers<typeof AuthService, Peer> {
  const { nodes } = context.stores;

  /** Rows of a list; with the accounts that the caller may ask for, if the client wants them. */
  async function rows(call: AuthCall, found: readonly Node[], withLogins: boolean) {
    const { roles } = await loadPolicy(context);
    const logins = withLogins ? loginsOf(requireIdentity(call), roles) : () => [];
    return found.map((node) => ({
      resource: { case: "Node" as const, value: messageOf(node) },
      Logins: logins(node),
    }));
  }

  async function visible(call: AuthCall) {
    const identity = requireIdentity(call);
    const { roles } = await loadPolicy(context);
    return [await nodes.all(), visibleTo(identity, roles)] as const;
  }

  async function list(call: AuthCall, query: ListingQuery): Promise<Listing> {
    return listNodes(...(await visible(call)), query);
  }

  return {
    // With UseSearchAsRoles, a client asks what its user could request. It must find nothing, or it would request it:
    // there are no access requests.
    async listUnifiedResources(request, call) {
      requireIdentity(call);
      if (request.Kinds.length > 0 && !request.Kinds.includes("node")) return {};
      if (request.UseSearchAsRoles) return {};
      const page = await list(call, queryOf(request));
      const Resources = await rows(call, page.nodes, request.IncludeLogins);
      return { Resources, NextKey: page.next };
    },

    async listResources(request, call) {
      requireIdentity(call);
      const { ResourceType: kind } = request;
      if (emptyKinds.includes(kind)) return {};
      if (kind !== "node") throw new Fault("unimplemented", `there are no lists of "${kind}"`);
      if (request.UseSearchAsRoles) return {};
      const query = queryOf(request);
      const page = await list(call, query);
      const Resources = await rows(call, page.nodes, request.IncludeLogins);
      const TotalCount = request.NeedTotalCount ? countNodes(...(await visible(call)), query) : 0;
      return { Resources, NextKey: page.next, TotalCount };
    },

    async getSSHTargets({ Host }, call) {
      const { nodes: found } = await list(call, { ...everything, search: [Host] });
      const named = found.filter(
        (node) => node.spec.hostname === Host || node.metadata.name === Host,
      );
      return { Servers: named.map(messageOf) };
    },

    async resolveSSHTarget(request, call) {
      assertShort([...request.searchKeywords, ...Object.entries(request.labels).flat()]);
      const query = {
        ...everything,
        labels: request.labels,
        predicate: request.predicateExpression,
      };
      const { nodes: found } = await list(call, { ...query, search: request.searchKeywords });
      const { host } = request;
      const named = found.filter(
        (node) => host === "" || node.spec.hostname === host || node.metadata.name === host,
      );
      const [only, second] = named;
      if (!only) throw new Fault("not-found", "no server matches");
      if (second) throw new Fault("conflict", "err-node-is-ambiguous: several servers match");
      return { server: messageOf(only) };
    },

    async getNode({ Name }, call) {
      await authorize(context, call, "node", "read");
      return messageOf(await nodes.get(Name));
    },

    async upsertNode(message, call) {
      const caller = await authorize(context, call, "node", "create", "update");
      const node = decodeResource("node", message);
      const name = node.metadata.name || uuid(context.random);
      await context.audit.record("resource.write", { ...actorOf(caller), kind: "node", name });
      await nodes.upsert({ ...node, metadata: { ...node.metadata, name } });
      return { Name: name };
    },

    async deleteNode({ Name }, call) {
      const caller = await authorize(context, call, "node", "delete");
      await nodes.get(Name);
      await context.audit.record("resource.delete", {
        ...actorOf(caller),
        kind: "node",
        name: Name,
      });
      await nodes.delete(Name);
      return {};
    },
  };
}

const messages = new WeakMap<Node, MessageOf<"node">>();

/** The message of a stored document. Documents are the same objects until they change, and lists ask for all of them. */
function messageOf(node: Node): MessageOf<"node"> {
  const known = messages.get(node);
  if (known !== undefined) return known;
  const message = encodeResource("node", node);
  messages.set(node, message);
  return message;
}

const everything: ListingQuery = {
  limit: 1000,
  start: "",
  labels: {},
  predicate: "",
  search: [],
  descending: false,
};

/** Every word and label is held against every server: a list of them is short, as people type it. */
const maxWords = 64;
const maxWordLength = 1024;

function assertShort(words: readonly string[]): void {
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
