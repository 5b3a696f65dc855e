/** Preset `auditor`: read events, recordings and reports. It gives no access to servers. */
import type { Role } from "../role.ts";
import { definePreset, readOnly, rulesFor } from "./preset.ts";

const reviewed = [
  "session",
  "event",
  "session_tracker",
  "cluster_alert",
  "instance",
  "bot_instance",
  "notification",
] as const;

/**
 * The preset role `auditor`. A certificate without logins would be refused by old clients, so the
 * role names one that exists nowhere: `noLogin`, a random UUID.
 */
export function presetAuditor(noLogin: string): Role {
  return definePreset("v7", "auditor", "Review cluster events and replay sessions", {
    options: { record_session: { desktop: false } },
    allow: {
      logins: [`no-login-${noLogin}`],
      rules: [
        ...rulesFor(reviewed, readOnly),
        ...rulesFor(["security_report", "audit_query"], [...readOnly, "use"]),
      ],
    },
  });
}
