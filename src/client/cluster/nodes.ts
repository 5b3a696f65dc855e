/** Listing of nodes: pages of `ListUnifiedResources`, narrowed by the cluster, as documents. */
import type { GrpcClient } from "#api/grpc/client.ts";
import { Fault } from "#base/fault.ts";
import type { NodeDocument, ResourceQuery } from "../access.ts";
import { decodeListResponse, encodeListRequest, listPath, type NodePage } from "./node-codec.ts";

const pageSize = 1000;
/** A cluster that never ends its listing is stopped here. */
const mostPages = 1000;

/** All nodes that the person may see and the query lets through, in the cluster's order. */
export async function listNodes(auth: GrpcClient, query: ResourceQuery): Promise<NodeDocument[]> {
  const nodes: NodeDocument[] = [];
  let startKey = "";
  for (let page = 0; page < mostPages; page++) {
    const answer = await fetchPage(auth, query, startKey);
    nodes.push(...answer.nodes);
    startKey = answer.nextKey;
    if (startKey === "") return nodes;
  }
  throw new Fault("limit", "the cluster's listing of nodes does not end");
}

async function fetchPage(
  auth: GrpcClient,
  query: ResourceQuery,
  startKey: string,
): Promise<NodePage> {
  const call = await auth.open(listPath, auth.unaryOptions());
  await call.send(encodeListRequest(query, pageSize, startKey));
  call.finishSending();
  const bytes = await call.receive();
  if (bytes === undefined) throw new Fault("malformed", "the cluster answered nothing");
  const end = await call.receive();
  if (end !== undefined) throw new Fault("malformed", "the cluster answered twice");
  return decodeListResponse(bytes);
}
