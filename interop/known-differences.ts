/**
 * What the official clients can do with their own server and cannot do with ours, each with its reason. A run fails when
 * an item passes: then it is no difference any more, and its line goes.
 */

/** One item: the name of a step of `interop/official` or of a row of `interop/go`, and why it fails. */
export interface KnownDifference {
  readonly item: string;
  readonly reason: string;
}

const noSuchKind = "this cluster has nothing of the kind yet, and says so with UNIMPLEMENTED";
const noSecrets =
  "the client asks for secrets, which their own server also gives to nobody but its local administrator; ours keeps them " +
  "for itself altogether";

/** The list. */
export const knownDifferences: readonly KnownDifference[] = [
  { item: "tsh request ls", reason: noSuchKind },
  { item: "tsh sessions ls", reason: "sessions are not shared yet: nobody can join another's" },
  { item: "tctl get connectors", reason: noSuchKind },
  { item: "tctl get trusted_cluster", reason: noSuchKind },
  { item: "tctl requests ls", reason: noSuchKind },
  { item: "tctl acl ls", reason: noSuchKind },
  { item: "tctl bots ls", reason: noSuchKind },
  { item: "tctl inventory ls", reason: noSuchKind },
  { item: "tctl recordings ls", reason: "sessions are not recorded yet" },
  { item: "tctl get all", reason: noSecrets },
  {
    item: "tctl edit user",
    reason: `${noSecrets}; "tctl create -f" and "tctl users update" work, and our own tctl edits users`,
  },
];

/** What became of an item: as expected or not. */
export type Verdict = "passes" | "differs" | "fails" | "passes, but is listed";

/** Judges an item by the list. */
export function judge(item: string, passed: boolean): Verdict {
  const listed = knownDifferences.some((difference) => difference.item === item);
  if (passed) return listed ? "passes, but is listed" : "passes";
  return listed ? "differs" : "fails";
}
