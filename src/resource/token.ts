/**
 * `kind: token`, version v2: what lets a service (or bot) join the cluster. The name of a token is
 * its secret.
 */
import * as z from "zod";
import { labelPatterns } from "./labels.ts";
import { metadata } from "./metadata.ts";
import { fallback, listOf, oneOf, optional, text } from "./scalar.ts";

/** The services that a token may admit, by the words of the public API. */
export const tokenRoles = [
  "Node",
  "Proxy",
  "Auth",
  "Db",
  "App",
  "Kube",
  "WindowsDesktop",
  "Discovery",
  "MDM",
  "Bot",
  "Trusted_cluster",
  "Okta",
  "Instance",
] as const;

/** A service that a token admits. */
export type TokenRole = (typeof tokenRoles)[number];

const byLowerCase: ReadonlyMap<string, TokenRole> = new Map([
  ...tokenRoles.map((role): [string, TokenRole] => [role.toLowerCase(), role]),
  ["trustedcluster", "Trusted_cluster"],
  ["kubernetes", "Kube"],
  ["database", "Db"],
  ["windows_desktop", "WindowsDesktop"],
]);

/**
 * The canonical word for a service however it is capitalised, or undefined: "node" and "Node" are
 * `Node`.
 */
export function tokenRoleOf(word: string): TokenRole | undefined {
  return byLowerCase.get(word.toLowerCase());
}

const tokenRole = z.preprocess(
  (value) => (typeof value === "string" ? (tokenRoleOf(value) ?? value) : value),
  z.enum(tokenRoles),
);

/** Strict schema of a token; its output is the canonical document. */
export const tokenSchema = z.strictObject({
  kind: z.literal("token"),
  sub_kind: optional(text),
  version: fallback(oneOf(["v2", "v1"]), "v2").transform((): "v2" => "v2"),
  metadata,
  spec: z.strictObject({
    roles: listOf(tokenRole).refine((roles) => roles.length > 0, "must name at least one service"),
    join_method: fallback(oneOf(["token"]), "token"),
    bot_name: optional(text),
    suggested_labels: optional(labelPatterns),
    suggested_agent_matcher_labels: optional(labelPatterns),
  }),
});

/** A join token as a canonical document. */
export type Token = z.output<typeof tokenSchema>;
