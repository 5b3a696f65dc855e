/** Finds the nodes that a target means: a host name as it is, or the nodes with these labels. */
import { Fault } from "#base/fault.ts";
import type { ClusterAccess, NodeDocument } from "../access.ts";
import type { SshTarget } from "./target.ts";

/** A node to dial. */
export interface ResolvedNode {
  /** What to dial and what the node's certificate must name: the host as typed, or the node's id. */
  readonly host: string;
  /** What people call it. */
  readonly name: string;
}

/** The nodes of a target. Throws `not-found` when labels or predicate match none. */
export async function resolveNodes(
  access: ClusterAccess,
  target: SshTarget,
  predicate: string,
): Promise<ResolvedNode[]> {
  if (target.labels === undefined && predicate === "") {
    return [{ host: target.host, name: target.host }];
  }
  const nodes = await access.listNodes({ labels: target.labels ?? {}, predicate, search: [] });
  if (nodes.length === 0) {
    throw new Fault("not-found", "no node that you may reach matches", {
      hint: "see the nodes and their labels with: tsh ls --verbose",
    });
  }
  return nodes.map(describeNode);
}

/** Names of several nodes for a message, at most a handful. */
export function listNames(nodes: readonly ResolvedNode[]): string {
  const shown = nodes.slice(0, 5).map(({ name }) => name);
  return nodes.length > shown.length ? `${shown.join(", ")} …` : shown.join(", ");
}

function describeNode({ metadata, spec }: NodeDocument): ResolvedNode {
  return { host: metadata.name, name: spec.hostname || metadata.name };
}
