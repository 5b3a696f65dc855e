/**
 * The state of a rotation of authorities, which a `cert_authority` and the heartbeat of a node both
 * carry.
 */
import * as z from "zod";
import { duration, optional, text, time } from "./scalar.ts";

/** Strict schema of a rotation. */
export const rotation = z.strictObject({
  state: optional(text),
  phase: optional(text),
  mode: optional(text),
  current_id: optional(text),
  started: optional(time),
  grace_period: optional(duration),
  last_rotated: optional(time),
  schedule: optional(
    z.strictObject({
      update_clients: optional(time),
      update_servers: optional(time),
      standby: optional(time),
    }),
  ),
});
