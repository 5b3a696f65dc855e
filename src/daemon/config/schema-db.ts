/**
 * The shape of `db_service`: strict, with defaults. A section that stands in a file runs, unless it says `enabled: no`.
 * Databases that the section itself describes become documents in `resolve-db.ts`.
 */
import * as z from "zod";
import { databaseProtocols, databaseTlsModes } from "#resource/database.ts";
import { labelPatterns, labels } from "#resource/labels.ts";
import {
  duration,
  fallback,
  filledText,
  flag,
  listOf,
  mapList,
  oneOf,
  optional,
  text,
} from "#resource/scalar.ts";

const tlsMode = z.preprocess(
  (value) => (typeof value === "string" ? value.replace("-", "_") : value),
  oneOf(databaseTlsModes),
);

const database = z.strictObject({
  name: filledText,
  description: optional(text),
  protocol: oneOf(databaseProtocols),
  uri: filledText,
  /** Old place of `tls.ca_cert_file`. */
  ca_cert_file: optional(filledText),
  tls: optional(
    z.strictObject({
      mode: optional(tlsMode),
      server_name: optional(text),
      ca_cert_file: optional(filledText),
      trust_system_cert_pool: optional(flag),
    }),
  ),
  mysql: optional(z.strictObject({ server_version: optional(text) })),
  static_labels: fallback(labels, {}),
  dynamic_labels: fallback(
    mapList(
      z.strictObject({
        name: filledText,
        command: listOf(text).refine(
          (command) => (command[0] ?? "") !== "",
          "must name a program and its arguments",
        ),
        period: fallback(duration, "1m0s"),
      }),
    ),
    [],
  ),
});

/** Strict schema of the section. */
export const databaseService = z.strictObject({
  enabled: fallback(flag, true),
  /** Which databases of administrators (`kind: db`) this agent serves, by their labels. */
  resources: fallback(mapList(z.strictObject({ labels: fallback(labelPatterns, {}) })), []),
  databases: fallback(mapList(database), []),
});

/** The section as it stands, defaults filled in. */
export type DatabaseSection = z.output<typeof databaseService>;
