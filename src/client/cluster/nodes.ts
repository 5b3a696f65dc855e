/** Listing of nodes: pages of `ListUnifiedResources`, narrowed by the cluster, as documents. */
import { createClient, type GrpcClient } from "#api/grpc/client.ts";
import { Fault } from "#base/fault.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import type { ServerV2 } from "#gen/types/server_pb.ts";
import type { NodeDocument, NodeQuery } from "../access.ts";

const pageSize = 1000;
/** A cluster that never ends its listing is stopped here. */
const mostPages = 1000;

/** All nodes that the person may see and the query lets through, in the cluster's order. */
export async function listNodes(auth: GrpcClient, query: NodeQuery): Promise<NodeDocument[]> {
  const service = createClient(AuthService, auth);
  const nodes: NodeDocument[] = [];
  let startKey = "";
  for (let page = 0; page < mostPages; page++) {
    const answer = await service.listUnifiedResources({
      Kinds: ["node"],
      Limit: pageSize,
      StartKey: startKey,
      Labels: { ...query.labels },
      PredicateExpression: query.predicate,
      SearchKeywords: [...query.search],
      SortBy: { Field: "name", IsDesc: false },
    });
    for (const { resource } of answer.Resources) {
      if (resource.case === "Node") nodes.push(documentOf(resource.value));
    }
    startKey = answer.NextKey;
    if (startKey === "") return nodes;
  }
  throw new Fault("limit", "the cluster's listing of nodes does not end");
}

/** The part of a node that a client shows, in the layout of `tctl get nodes`. */
function documentOf(server: ServerV2): NodeDocument {
  const { Spec: spec, Metadata: metadata } = server;
  const commands = Object.entries(spec?.CmdLabels ?? {});
  return {
    kind: server.Kind,
    ...(server.SubKind === "" ? {} : { sub_kind: server.SubKind }),
    version: server.Version,
    metadata: {
      name: metadata?.Name ?? "",
      labels: metadata?.Labels ?? {},
      ...(metadata?.Expires === undefined ? {} : { expires: isoOf(metadata.Expires) }),
      ...(metadata?.Revision ? { revision: metadata.Revision } : {}),
    },
    spec: {
      ...(spec?.Addr ? { addr: spec.Addr } : {}),
      hostname: spec?.Hostname ?? "",
      ...(commands.length === 0
        ? {}
        : {
            cmd_labels: Object.fromEntries(
              commands.map(([name, { Command: command, Result: result }]) => [
                name,
                { command, result },
              ]),
            ),
          }),
      ...(spec?.UseTunnel ? { use_tunnel: true } : {}),
      version: spec?.Version ?? "",
    },
  };
}

function isoOf(time: { seconds: bigint; nanos: number }): string {
  return new Date(Number(time.seconds) * 1000 + time.nanos / 1e6).toISOString();
}
