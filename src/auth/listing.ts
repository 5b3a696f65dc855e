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

/** Some of the servers. */
export interface Listing {
  readonly nodes: readonly Node[];
  /** Empty on the last page. */
  readonly next: string;
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
  const isWanted = wantedBy(mayList, query);
  const rows = rowsOf(nodes);
  const page: Node[] = [];
  const step = query.descending ? -1 : 1;
  for (let at = firstRow(rows, query); at >= 0 && at < rows.length; at += step) {
    const row = rows[at];
    if (row === undefined || !isWanted(row.node)) continue;
    if (page.length === query.limit) return { nodes: page, next: row.place };
    page.push(row.node);
  }
  return { nodes: page, next: "" };
}

/** How many servers all pages together have. Throws as {@link listNodes} does. */
export function countNodes(
  nodes: readonly Node[],
  mayList: (node: Node) => boolean,
  query: ListingQuery,
): number {
  return nodes.filter(wantedBy(mayList, query)).length;
}

function wantedBy(mayList: (node: Node) => boolean, query: ListingQuery): (node: Node) => boolean {
  const matches = query.predicate === "" ? undefined : compileResourceFilter(query.predicate);
  const labels = Object.entries(query.labels).map(([key, value]) => [key, [value]] as const);
  const selector = labels.length === 0 ? undefined : Object.fromEntries(labels);
  if (matches === undefined && selector === undefined && query.search.length === 0) return mayList;
  return (node) => {
    if (!mayList(node)) return false;
    const subject = filterSubjectOfNode(node);
    const selected = selector === undefined || matchLabels(selector, subject.labels);
    return selected && matchesSearch(query.search, subject) && (matches?.(subject) ?? true);
  };
}

interface Row {
  readonly node: Node;
  readonly place: string;
}

const sortedRows = new WeakMap<readonly Node[], readonly Row[]>();

/** The servers by place. The store gives the same list again as long as nothing has changed. */
function rowsOf(nodes: readonly Node[]): readonly Row[] {
  const known = sortedRows.get(nodes);
  if (known !== undefined) return known;
  const rows = nodes.map((node) => ({ node, place: placeOf(node) }));
  rows.sort((a, b) => (a.place < b.place ? -1 : a.place > b.place ? 1 : 0));
  sortedRows.set(nodes, rows);
  return rows;
}

/** Where the page starts in the rows, which may have come and gone since the page before; outside when nothing follows. */
function firstRow(rows: readonly Row[], { start, descending }: ListingQuery): number {
  if (start === "") return descending ? rows.length - 1 : 0;
  if (descending) return rows.findLastIndex((row) => row.place <= start);
  return rows.findIndex((row) => row.place >= start);
}

/** Host name, then id: an order without ties. */
function placeOf(node: Node): string {
  return `${node.spec.hostname}/${node.metadata.name}`;
}
