/**
 * Presets of Device Trust. `require-trusted-device` demands a device but also widens access for
 * whoever lacks its Kubernetes groups and database users: that is its published form. It names no
 * application or desktop labels, so it demands nothing there.
 */
import type { Role } from "../role.ts";
import { anyLabel, definePreset, readWrite } from "./preset.ts";

/** The preset role `device-admin`. */
export function presetDeviceAdmin(): Role {
  return definePreset("v6", "device-admin", "Administer trusted devices", {
    allow: {
      rules: [{ resources: ["device"], verbs: [...readWrite, "create_enroll_token", "enroll"] }],
    },
  });
}

/** The preset role `device-enroll`. */
export function presetDeviceEnroll(): Role {
  return definePreset("v6", "device-enroll", "Grant permission to enroll trusted devices", {
    allow: { rules: [{ resources: ["device"], verbs: ["enroll"] }] },
  });
}

/** The preset role `require-trusted-device`. */
export function presetRequireTrustedDevice(): Role {
  return definePreset(
    "v6",
    "require-trusted-device",
    "Require trusted device to access resources",
    {
      options: { device_trust_mode: "required" },
      allow: {
        logins: ["{{internal.logins}}"],
        node_labels: anyLabel,
        kubernetes_labels: anyLabel,
        db_labels: anyLabel,
        kubernetes_groups: [
          "{{internal.kubernetes_groups}}",
          "system:masters",
          "developers",
          "viewers",
        ],
        db_names: ["*"],
        db_users: ["*"],
      },
    },
  );
}
