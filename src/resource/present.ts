/**
 * A canonical document as it is shown to people: a label pattern with one value as that value, a
 * trait without values as null. Reading what is shown gives the canonical document again.
 */
import type { Resource } from "./kinds.ts";
import { presentLabelPatterns } from "./labels.ts";
import type { RoleConditions } from "./role-conditions.ts";

/** The document to print. */
export function presentResource(resource: Resource): object {
  switch (resource.kind) {
    case "role": {
      const { allow, deny } = resource.spec;
      const spec = {
        ...resource.spec,
        allow: presentConditions(allow),
        deny: presentConditions(deny),
      };
      return { ...resource, spec };
    }
    case "user":
      return {
        ...resource,
        spec: { ...resource.spec, traits: presentTraits(resource.spec.traits) },
      };
    case "token": {
      const { suggested_labels, suggested_agent_matcher_labels, ...rest } = resource.spec;
      const spec = {
        ...rest,
        ...(suggested_labels && { suggested_labels: presentLabelPatterns(suggested_labels) }),
        ...(suggested_agent_matcher_labels && {
          suggested_agent_matcher_labels: presentLabelPatterns(suggested_agent_matcher_labels),
        }),
      };
      return { ...resource, spec };
    }
    default:
      return resource;
  }
}

function presentConditions(conditions: RoleConditions): object {
  const shown: Record<string, unknown> = { ...conditions };
  for (const [key, value] of Object.entries(conditions)) {
    if (!key.endsWith("_labels") || typeof value !== "object") continue;
    shown[key] = presentLabelPatterns(value as Record<string, string[]>);
  }
  if (conditions.db_permissions !== undefined) {
    shown["db_permissions"] = conditions.db_permissions.map((permission) => ({
      ...permission,
      ...(permission.match && { match: presentLabelPatterns(permission.match) }),
    }));
  }
  return shown;
}

function presentTraits(
  traits: Readonly<Record<string, readonly string[]>>,
): Record<string, readonly string[] | null> {
  const entries = Object.entries(traits);
  return Object.fromEntries(
    entries.map(([key, values]) => [key, values.length > 0 ? values : null]),
  );
}
