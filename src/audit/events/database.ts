/** Events of database sessions. */
import { databaseFields, type EventDefinition } from "../definition.ts";

export const databaseEvents = {
  "db.session.start": {
    title: "Database Session Started",
    code: { success: "TDB00I", failure: "TDB00W" },
    requires: ["user", "sid", "success", "db_service", "db_protocol"],
    allows: [...databaseFields, "namespace", "server_version"],
  },
  "db.session.end": {
    title: "Database Session Ended",
    code: "TDB01I",
    requires: ["user", "sid", "db_service", "db_protocol"],
    allows: [...databaseFields, "session_start", "session_stop"],
  },
  "db.session.query": {
    title: "Database Query",
    code: "TDB02I",
    requires: ["user", "sid", "db_service", "db_query"],
    allows: databaseFields,
  },
  "db.session.query.failed": {
    title: "Database Query Failed",
    code: "TDB02W",
    requires: ["user", "sid", "db_service", "db_query"],
    allows: databaseFields,
  },
} as const satisfies Record<string, EventDefinition>;
