/**
 * Lists of resources as people ask for them: what they may see, filtered, sorted and cut into pages. A page token is the
 * place of the next row in the order, so that rows which come and go between two pages neither repeat nor hide others.
 */
import { type ReachableDocument, reachableOf } from "#access/reachable.ts";
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

/** Some of the resources. */
export interface Listing<T> {
  readonly documents: readonly T[];
  /** Empty on the last page. */
  readonly next: string;
}

/** Whether a document may be listed. */
export type MayList = (document: ReachableDocument) => boolean;

/** Services that bring people to servers, and the administrator. */
const seeAll: readonly SystemRole[] = ["Proxy", "Auth", "Admin"];

/** A predicate for what the identity may see. An agent sees itself: who else there is, is no business of it. */
export function visibleTo(identity: Identity, roles: ReadonlyMap<string, Role>): MayList {
  if (identity.kind === "system") {
    if (identity.systemRoles.some((role) => seeAll.includes(role))) return () => true;
    return (document) => reachableOf(document).hostId === identity.hostId;
  }
  const set = applyRoles(identity, roles);
  return (document) => isVisible(set, reachableOf(document));
}

/** The accounts that the identity may ask for on a server; none for a service of the cluster. */
export function loginsOf(
  identity: Identity,
  roles: ReadonlyMap<string, Role>,
): (node: Node) => string[] {
  if (identity.kind === "system") return () => [];
  const set = applyRoles(identity, roles);
  return (node) => visibleLogins(set, reachableOf(node));
}

/** One page. Throws `invalid` for a predicate that cannot be evaluated. */
export function listDocuments<T extends ReachableDocument>(
  documents: readonly T[],
  mayList: MayList,
  query: ListingQuery,
): Listing<T> {
  const isWanted = wantedBy(mayList, query);
  const rows = rowsOf(documents) as readonly Row<T>[];
  const page: T[] = [];
  const step = query.descending ? -1 : 1;
  for (let at = firstRow(rows, query); at >= 0 && at < rows.length; at += step) {
    const row = rows[at];
    if (row === undefined || !isWanted(row.document)) continue;
    if (page.length === query.limit) return { documents: page, next: row.place };
    page.push(row.document);
  }
  return { documents: page, next: "" };
}

/** How many resources all pages together have. Throws as {@link listDocuments} does. */
export function countDocuments(
  documents: readonly ReachableDocument[],
  mayList: MayList,
  query: ListingQuery,
): number {
  return documents.filter(wantedBy(mayList, query)).length;
}

function wantedBy(mayList: MayList, query: ListingQuery): MayList {
  const matches = query.predicate === "" ? undefined : compileResourceFilter(query.predicate);
  const labels = Object.entries(query.labels).map(([key, value]) => [key, [value]] as const);
  const selector = labels.length === 0 ? undefined : Object.fromEntries(labels);
  if (matches === undefined && selector === undefined && query.search.length === 0) return mayList;
  return (document) => {
    if (!mayList(document)) return false;
    const { subject } = reachableOf(document);
    const selected = selector === undefined || matchLabels(selector, subject.labels);
    return selected && matchesSearch(query.search, subject) && (matches?.(subject) ?? true);
  };
}

interface Row<T> {
  readonly document: T;
  readonly place: string;
}

const sortedRows = new WeakMap<readonly ReachableDocument[], readonly Row<ReachableDocument>[]>();

/** The resources by place. The store gives the same list again as long as nothing has changed. */
function rowsOf(documents: readonly ReachableDocument[]): readonly Row<ReachableDocument>[] {
  const known = sortedRows.get(documents);
  if (known !== undefined) return known;
  const rows = documents.map((document) => ({ document, place: placeOf(document) }));
  rows.sort((a, b) => (a.place < b.place ? -1 : a.place > b.place ? 1 : 0));
  sortedRows.set(documents, rows);
  return rows;
}

/** Where the page starts in the rows, which may have come and gone since the page before; outside when nothing follows. */
function firstRow(
  rows: readonly Row<ReachableDocument>[],
  { start, descending }: ListingQuery,
): number {
  if (start === "") return descending ? rows.length - 1 : 0;
  if (descending) return rows.findLastIndex((row) => row.place <= start);
  return rows.findIndex((row) => row.place >= start);
}

/** Name, then the agent's host, then the kind: an order without ties. */
function placeOf(document: ReachableDocument): string {
  const { name, hostId, kind } = reachableOf(document);
  return `${name}/${hostId}/${kind}`;
}
