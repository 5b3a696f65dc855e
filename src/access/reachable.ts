/**
 * Resources that people reach through an agent, whatever their kind: what lists, filters and decisions see of them. One
 * row per kind.
 */
import type { Labels } from "#expression/label-match.ts";
import type { FilterSubject } from "#expression/scopes.ts";
import { mergeLabels } from "#resource/dynamic-labels.ts";
import type { ResourceOf } from "#resource/kinds.ts";
import type { Protocol } from "./target.ts";

/** The kinds that name both a resource and the agent that serves it. */
export const reachableKinds = ["node", "db_server", "kube_server"] as const;

/** A kind of {@link reachableKinds}. */
export type ReachableKind = (typeof reachableKinds)[number];

/** A document of such a kind. */
export type ReachableDocument = ResourceOf[ReachableKind];

/** One of them, as everybody who treats them alike sees it. */
export interface Reachable {
  readonly kind: ReachableKind;
  readonly protocol: Protocol;
  /** Name that people know the resource by. Several agents may serve resources of one name. */
  readonly name: string;
  /** Static and dynamic labels together. */
  readonly labels: Labels;
  /** Id of the host whose agent serves it. */
  readonly hostId: string;
  /** What `--query` and `--search` see. */
  readonly subject: FilterSubject;
}

type View = Pick<Reachable, "protocol" | "hostId" | "subject">;

const views: { readonly [K in ReachableKind]: (document: ResourceOf[K]) => View } = {
  node: (node) => {
    const { hostname, addr, cmd_labels: dynamic, public_addrs: publicAddresses = [] } = node.spec;
    return {
      protocol: "ssh",
      hostId: node.metadata.name,
      subject: {
        name: hostname,
        labels: mergeLabels(node.metadata.labels, dynamic),
        resource: node,
        searchable: [node.metadata.name, addr ?? "", ...publicAddresses],
      },
    };
  },
  // A filter asks about the database, not about its agent.
  db_server: ({ spec: { database, host_id: hostId, hostname } }) => ({
    protocol: "db",
    hostId,
    subject: {
      name: database.metadata.name,
      labels: mergeLabels(database.metadata.labels, database.spec.dynamic_labels),
      resource: database,
      searchable: [
        database.metadata.description ?? "",
        database.spec.protocol,
        database.spec.uri,
        hostname,
      ],
    },
  }),
  kube_server: ({ spec: { cluster, host_id: hostId, hostname } }) => ({
    protocol: "kube",
    hostId,
    subject: {
      name: cluster.metadata.name,
      labels: mergeLabels(cluster.metadata.labels, cluster.spec.dynamic_labels),
      resource: cluster,
      searchable: [cluster.metadata.description ?? "", hostname],
    },
  }),
};

const known = new WeakMap<ReachableDocument, Reachable>();

/** The resource of a document. The same object for the same document: never change it. */
export function reachableOf(document: ReachableDocument): Reachable {
  const seen = known.get(document);
  if (seen !== undefined) return seen;
  const { kind } = document;
  const view = (views[kind] as (given: ReachableDocument) => View)(document);
  const { name, labels } = view.subject;
  const reachable = { ...view, kind, name, labels };
  known.set(document, reachable);
  return reachable;
}
