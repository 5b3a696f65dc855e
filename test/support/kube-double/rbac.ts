/** Who may do what in the double: a table of grants, without wildcards in subjects. What no row grants is refused. */

/** Somebody who is authenticated, after impersonation. */
export interface Subject {
  readonly user: string;
  readonly groups: readonly string[];
}

/** What is asked for. */
export interface Attributes {
  readonly verb: string;
  readonly group: string;
  /** With the subresource: `pods/exec`. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

/** One row: any of the subjects, any of the verbs, any of the resources. `*` stands for all. */
export interface Grant {
  readonly users?: readonly string[];
  readonly groups?: readonly string[];
  readonly verbs: readonly string[];
  readonly resources: readonly string[];
  readonly namespaces?: readonly string[];
  readonly names?: readonly string[];
}

/** True when some row grants it. */
export function mayDo(grants: readonly Grant[], who: Subject, what: Attributes): boolean {
  const has = (list: readonly string[] | undefined, value: string) =>
    list === undefined || list.includes("*") || list.includes(value);
  return grants.some((grant) => {
    const named =
      (grant.users ?? []).includes(who.user) ||
      (grant.groups ?? []).some((group) => who.groups.includes(group));
    return (
      named &&
      has(grant.verbs, what.verb) &&
      has(grant.resources, what.resource) &&
      has(grant.namespaces, what.namespace) &&
      has(grant.names, what.name)
    );
  });
}
