/** What lists, filters and decisions see of a server: its name, labels and searchable texts. */
import type { Labels } from "#expression/label-match.ts";
import type { FilterSubject } from "#expression/scopes.ts";
import type { Node } from "#resource/node.ts";

/** Static labels, and results of command labels; a command label wins over a static one of the same name. */
export function labelsOfNode(node: Node): Labels {
  const dynamic = Object.entries(node.spec.cmd_labels ?? {}).map(
    ([key, { result }]) => [key, result] as const,
  );
  return { ...node.metadata.labels, ...Object.fromEntries(dynamic) };
}

/** What `--query` and `--search` see of a server; its name is its host name. */
export function filterSubjectOfNode(node: Node): FilterSubject {
  const { hostname, addr, public_addrs: publicAddresses = [] } = node.spec;
  return {
    name: hostname,
    labels: labelsOfNode(node),
    resource: node,
    searchable: [node.metadata.name ?? "", addr ?? "", ...publicAddresses],
  };
}
