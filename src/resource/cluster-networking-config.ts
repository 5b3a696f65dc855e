/**
 * `kind: cluster_networking_config` (`cnc`), version v2: timeouts, keep-alives and routing. One per
 * cluster.
 */
import * as z from "zod";
import { singletonMetadata } from "./metadata.ts";
import { count, duration, fallback, flag, oneOf, optional, text } from "./scalar.ts";

/** A number of the public API that may be typed as its word. */
function numbered(words: Readonly<Record<string, number>>) {
  return z.preprocess(
    (value) => (typeof value === "string" && Object.hasOwn(words, value) ? words[value] : value),
    z.union(
      [z.literal(0), z.literal(1)],
      `must be ${Object.keys(words)
        .map((word) => `"${word}"`)
        .join(" or ")}`,
    ),
  );
}

/** Strict schema of the networking config; its output is the canonical document. */
export const clusterNetworkingConfigSchema = z.strictObject({
  kind: z.literal("cluster_networking_config"),
  sub_kind: optional(text),
  version: fallback(oneOf(["v2"]), "v2"),
  metadata: singletonMetadata("cluster-networking-config"),
  spec: fallback(
    z.strictObject({
      /** Zero: no limit. */
      client_idle_timeout: fallback(duration, "0s"),
      keep_alive_interval: fallback(duration, "5m0s"),
      keep_alive_count_max: fallback(count, 3),
      session_control_timeout: fallback(duration, "0s"),
      idle_timeout_message: fallback(text, ""),
      web_idle_timeout: fallback(duration, "0s"),
      /** 0: a port per protocol; 1: one port for everything. */
      proxy_listener_mode: fallback(numbered({ separate: 0, multiplex: 1 }), 1),
      /** 0: an ambiguous name is an error; 1: the most recent server wins. */
      routing_strategy: optional(numbered({ unambiguous_match: 0, most_recent: 1 })),
      tunnel_strategy: fallback(
        z.strictObject({
          type: fallback(oneOf(["agent_mesh", "proxy_peering"]), "agent_mesh"),
          agent_connection_count: optional(count),
        }),
        {},
      ),
      proxy_ping_interval: optional(duration),
      assist_command_execution_workers: optional(count),
      case_insensitive_routing: optional(flag),
      ssh_dial_timeout: optional(duration),
    }),
    {},
  ),
});

/** The networking config as a canonical document. */
export type ClusterNetworkingConfig = z.output<typeof clusterNetworkingConfigSchema>;
