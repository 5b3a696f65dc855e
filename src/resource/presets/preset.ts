/** What the preset roles share: the label that marks them, and the usual sets of verbs. */
import { parseResourceOf } from "../parse.ts";
import type { Role } from "../role.ts";

/** Label of a role that the cluster made; `preset` as long as nobody replaced the role. */
export const presetLabel = "teleport.internal/resource-type";

/** Value of {@link presetLabel} on a preset. */
export const presetLabelValue = "preset";

/** Verbs to read. */
export const readOnly = ["list", "read"] as const;

/** Verbs to read and change. */
export const readWrite = ["list", "create", "read", "update", "delete"] as const;

/** Labels that match everything. */
export const anyLabel = { "*": "*" } as const;

/** One rule per resource, each with the same verbs. */
export function rulesFor(resources: readonly string[], verbs: readonly string[]) {
  return resources.map((resource) => ({ resources: [resource], verbs }));
}

/** A preset role with its label and its defaults. */
export function definePreset(
  version: Role["version"],
  name: string,
  description: string,
  spec: { readonly allow: object; readonly options?: object },
): Role {
  return parseResourceOf("role", {
    kind: "role",
    version,
    metadata: { name, description, labels: { [presetLabel]: presetLabelValue } },
    spec,
  });
}
