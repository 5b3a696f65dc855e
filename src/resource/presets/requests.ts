/** Presets of access requests: who may ask for the two preset roles, and who may approve. */
import type { Role } from "../role.ts";
import { anyLabel, definePreset, readOnly } from "./preset.ts";

const requestable = ["access", "group-access"];

/** The preset role `reviewer`. */
export function presetReviewer(): Role {
  return definePreset("v6", "reviewer", "Review access requests", {
    allow: { review_requests: { roles: requestable, preview_as_roles: requestable } },
  });
}

/** The preset role `requester`. */
export function presetRequester(): Role {
  return definePreset("v6", "requester", "Request all resources", {
    allow: { request: { search_as_roles: requestable } },
  });
}

/** The preset role `group-access`. */
export function presetGroupAccess(): Role {
  return definePreset("v6", "group-access", "Have access to all user groups", {
    allow: {
      group_labels: anyLabel,
      rules: [{ resources: ["user_group"], verbs: readOnly }],
    },
  });
}
