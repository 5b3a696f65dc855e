/**
 * `kind: db_server`, version v3: a database and one agent that serves it. Agents send it as their heartbeat; a database
 * with several agents has as many of them.
 */
import * as z from "zod";
import { databaseSchema } from "./database.ts";
import { metadata } from "./metadata.ts";
import { rotation } from "./rotation.ts";
import { fallback, filledText, oneOf, optional, text, textList } from "./scalar.ts";

/** Strict schema of a database server; its output is the canonical document. */
export const databaseServerSchema = z
  .strictObject({
    kind: z.literal("db_server"),
    sub_kind: optional(text),
    version: fallback(oneOf(["v3"]), "v3"),
    metadata,
    spec: z.strictObject({
      version: optional(text),
      /** Name of the agent's machine. */
      hostname: text,
      /** Id of the agent's host. */
      host_id: filledText,
      rotation: optional(rotation),
      database: databaseSchema,
      proxy_ids: optional(textList),
    }),
  })
  .refine(({ metadata: head, spec }) => head.name === spec.database.metadata.name, {
    path: ["metadata", "name"],
    message: "must be the name of the database",
  });

/** A database server as a canonical document. */
export type DatabaseServer = z.output<typeof databaseServerSchema>;
