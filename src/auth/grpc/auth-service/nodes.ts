/** proto.AuthService, servers: the targets of SSH, and the documents for administrators. */
import { decodeResource } from "#api/convert/resource.ts";
import type { ServiceHandlers } from "#api/grpc/service.ts";
import type { Peer } from "#api/peer.ts";
import { actorOf } from "#audit/actor.ts";
import { Fault } from "#base/fault.ts";
import { uuid } from "#base/random.ts";
import type { AuthService } from "#gen/proto/authservice_pb.ts";
import type { Node } from "#resource/node.ts";
import type { AuthContext } from "../../context.ts";
import { type ListingQuery, listDocuments, visibleTo } from "../../listing.ts";
import { loadPolicy } from "../../policy.ts";
import { type AuthCall, authorize, requireIdentity } from "../guard.ts";
import { assertShort, everything, messageOf } from "./listings.ts";

/** Handlers of the calls about servers. */
export function nodeHandlers(context: AuthContext): ServiceHandlers<typeof AuthService, Peer> {
  const { nodes } = context.stores;

  async function list(call: AuthCall, query: ListingQuery): Promise<readonly Node[]> {
    const { roles } = await loadPolicy(context);
    const mayList = visibleTo(requireIdentity(call), roles);
    return listDocuments(await nodes.all(), mayList, query).documents;
  }

  return {
    async getSSHTargets({ Host }, call) {
      const found = await list(call, { ...everything, search: [Host] });
      const named = found.filter(
        (node) => node.spec.hostname === Host || node.metadata.name === Host,
      );
      return { Servers: named.map((node) => messageOf("node", node)) };
    },

    async resolveSSHTarget(request, call) {
      assertShort([...request.searchKeywords, ...Object.entries(request.labels).flat()]);
      const query = {
        ...everything,
        labels: request.labels,
        predicate: request.predicateExpression,
      };
      const found = await list(call, { ...query, search: request.searchKeywords });
      const { host } = request;
      const named = found.filter(
        (node) => host === "" || node.spec.hostname === host || node.metadata.name === host,
      );
      const [only, second] = named;
      if (!only) throw new Fault("not-found", "no server matches");
      if (second) throw new Fault("conflict", "err-node-is-ambiguous: several servers match");
      return { server: messageOf("node", only) };
    },

    async getNode({ Name }, call) {
      await authorize(context, call, "node", "read");
      return messageOf("node", await nodes.get(Name));
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
