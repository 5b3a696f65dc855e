/**
 * Lists of servers as people ask for them: what they may see, filtered, sorted and cut into pages. A page token is the
 * place of the next row in the order, so that rows which come and go between two pages neither repeat nor hide others.
 */
import { filterSubjectOfNode, labelsOfNode } from "#access/resource-labels.ts";
import { applyRoles } from "#access/role-set.ts";
import { isVisible, visibleLogins } from "#access/visibility.ts";
import { matchLabels } from "#expression/label-match.ts";
import { compileResourceFilter, matchesSearch } from "#expression/scopes.ts";
import type { Identity, SystemRole } from "#identity/identity.ts";
import type { Node } from "#resource/node.ts";
import type { Role } from "#resource/role.ts";

/** What is asked for. */
export interface ListingQuery {
  readonly limit: number;
  /** `next` of the page before; empty for the first. */
  readonly start: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Empty: everything. */
  readonly predicate: string;
  readonly search: readonly string[];
  readonly descending: boolean;
}

/** Some of the servers, and how many there are in all. */
export interface Listing {
  readonly nodes: readonly Node[];
  /** Empty on the last page. */
  readonly next: string;
  readonly total: number;
}

/** Services that bring people to servers, and the administrator. */
const seeAll: readonly SystemRole[] = ["Proxy", "Auth", "Admin"];

/** A predicate for what the identity may see. A server sees itself: who else there is, is no business of it. */
export function visibleTo(
  identity: Identity,
  roles: ReadonlyMap<string, Role>,
): (node: Node) => boolean {
  if (identity.kind === "system") {
    if (identity.systemRoles.some((role) => seeAll.includes(role))) return () => true;
    return (node) => node.metadata.name === identity.hostId;
  }
  const set = applyRoles(identity, roles);
  return (node) => isVisible(set, resourceOf(node));
}

/** The accounts that the identity may ask for on a server; none for a service of the cluster. */
export function loginsOf(
  identity: Identity,
  roles: ReadonlyMap<string, Role>,
): (node: Node) => string[] {
  if (identity.kind === "system") return () => [];
  const set = applyRoles(identity, roles);
  return (node) => visibleLogins(set, resourceOf(node));
}

function resourceOf(node: Node) {
  return { protocol: "ssh", name: node.spec.hostname, labels: labelsOfNode(node) } as const;
}

/** One page. Throws `invalid` for a predicate that cannot be evaluated. */
export function listNodes(
  nodes: readonly Node[],
  mayList: (node: Node) => boolean,
  query: ListingQuery,
): Listing {
  const matches = query.predicate === "" ? undefined : compileResourceFilter(query.predicate);
  const selector = Object.fromEntries(
    Object.entries(query.labels).map(([key, value]) => [key, [value]]),
  );
  const wanted = nodes.filter((node) => {
    if (!mayList(node)) return false;
    const subject = filterSubjectOfNode(node);
    const selected = Object.keys(selector).length === 0 || matchLabels(selector, subject.labels);
    return selected && matchesSearch(query.search, subject) && (matches?.(subject) ?? true);
  });
  const rows = wanted.map((node) => ({ node, place: placeOf(node) }));
  rows.sort((a, b) => (a.place < b.place ? -1 : a.place > b.place ? 1 : 0));
  if (query.descending) rows.reverse();
  const isBefore = (place: string) =>
    query.descending ? place > query.start : place < query.start;
  const from = query.start === "" ? 0 : rows.findIndex((row) => !isBefore(row.place));
  const page = from < 0 ? [] : rows.slice(from, from + query.limit);
  const next = from < 0 ? undefined : rows[from + query.limit];
  return { nodes: page.map((row) => row.node), next: next?.place ?? "", total: rows.length };
}

/** Host name, then id: an order without ties. */
function placeOf(node: Node): string {
  return `${node.spec.hostname}/${node.metadata.name}`;
}
