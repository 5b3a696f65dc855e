/** Events of SSH sessions: beginning and end, commands, files, forwarding. */
import { type EventDefinition, kubernetesFields, serverFields } from "../definition.ts";

/** True when the fields of a command say that it did not end well. */
function hasFailed(fields: Readonly<Record<string, unknown>>): boolean {
  const { exitCode, exitError } = fields;
  return exitError !== undefined || (exitCode !== undefined && exitCode !== "0");
}

/**
 * The code of a file operation carries its number: TS001I opens, TS007E fails to set attributes.
 */
function codeOfSftp(fields: Readonly<Record<string, unknown>>): string {
  const action = typeof fields["action"] === "number" ? fields["action"] : 0;
  const number = Number.isInteger(action) && action > 0 && action < 1000 ? action : 0;
  return `TS${String(number).padStart(3, "0")}${fields["error"] === undefined ? "I" : "E"}`;
}

export const sessionEvents = {
  "session.start": {
    title: "Session Started",
    code: "T2000I",
    requires: ["user", "login", "sid", "server_id"],
    allows: [
      ...serverFields,
      ...kubernetesFields,
      "initial_command",
      "interactive",
      "session_recording",
      "size",
      "with_mfa",
    ],
  },
  "session.join": {
    title: "User Joined",
    code: "T2001I",
    requires: ["user", "login", "sid", "server_id"],
    allows: serverFields,
  },
  resize: {
    title: "Terminal Resize",
    code: "T2002I",
    requires: ["user", "sid", "size"],
    allows: serverFields,
  },
  "session.leave": {
    title: "User Disconnected",
    code: "T2003I",
    requires: ["user", "login", "sid", "server_id"],
    allows: serverFields,
  },
  "session.end": {
    title: "Session Ended",
    code: "T2004I",
    requires: ["user", "login", "sid", "server_id", "session_start", "session_stop"],
    allows: [
      ...serverFields,
      ...kubernetesFields,
      "enhanced_recording",
      "interactive",
      "participants",
      "session_recording",
      "initial_command",
    ],
  },
  "session.data": {
    title: "Session Data",
    code: "T2006I",
    requires: ["user", "sid", "server_id", "tx", "rx"],
    allows: [...serverFields, ...kubernetesFields],
  },
  exec: {
    title: "Command Execution",
    code: (fields) => (hasFailed(fields) ? "T3002E" : "T3002I"),
    requires: ["user", "login", "server_id", "command"],
    allows: [...serverFields, "sid", "exitCode", "exitError", "interactive"],
  },
  subsystem: {
    title: "Subsystem Requested",
    code: (fields) => (hasFailed(fields) ? "T3001E" : "T3001I"),
    requires: ["user", "login", "name"],
    allows: [...serverFields, "sid", "exitError"],
  },
  port: {
    title: "Port Forwarding",
    code: { success: "T3003I", failure: "T3003E" },
    requires: ["user", "login", "addr", "success"],
    allows: [...serverFields, ...kubernetesFields, "sid"],
  },
  "x11-forward": {
    title: "X11 Forwarding Requested",
    code: { success: "T3008I", failure: "T3008W" },
    requires: ["user", "login", "success"],
    allows: [...serverFields, "sid"],
  },
  "client.disconnect": {
    title: "Client Disconnected",
    code: "T3006I",
    requires: ["user", "reason"],
    allows: [...serverFields, ...kubernetesFields, "sid"],
  },
  sftp: {
    title: "File Operation",
    code: codeOfSftp,
    requires: ["user", "login", "server_id", "path", "action"],
    allows: [...serverFields, "sid", "working_directory", "target_path", "flags", "attributes"],
  },
} as const satisfies Record<string, EventDefinition>;
