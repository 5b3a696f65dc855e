/**
 * `kind: db`, version v3: a database that people reach through an agent. Agents serve those of their configuration and
 * those that administrators write (`tctl create`).
 */
import * as z from "zod";
import { type Address, parseAddress } from "#base/address.ts";
import { dynamicLabels } from "./dynamic-labels.ts";
import { metadata } from "./metadata.ts";
import { fallback, filledText, flag, oneOf, optional, text } from "./scalar.ts";

/** The protocols that agents speak, by the words of the public API. */
export const databaseProtocols = ["postgres", "mysql", "redis"] as const;

/** A protocol that agents speak. */
export type DatabaseProtocol = (typeof databaseProtocols)[number];

/**
 * True for protocols whose sessions stay in the database that they began in, so that roles can name databases. Sessions of
 * the others change databases as they like.
 */
export function namesDatabases(protocol: DatabaseProtocol): boolean {
  return protocol === "postgres";
}

/** Where each kind of server listens when nobody says otherwise. */
const defaultPorts: Readonly<Record<DatabaseProtocol, number>> = {
  postgres: 5432,
  mysql: 3306,
  redis: 6379,
};

/** How much of a database server's certificate is checked. */
export const databaseTlsModes = ["verify_full", "verify_ca", "insecure"] as const;

/** The mode as it is written in configurations ("verify-full") or by the API ("verify_full"). */
const tlsMode = z.preprocess(
  (value) => (typeof value === "string" ? value.replace("-", "_") : value),
  oneOf(databaseTlsModes),
);

/** Clients put names into file names and connection strings (the lesson of CVE-2021-41395). */
const namePattern = /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

const uri = filledText.refine(
  (value) => !/^[a-z]+:\/\//i.test(value) && parseAddress(value, 1, "") !== undefined,
  {
    message: "is not the address of a server",
    params: { suggestion: 'write host:port, as in "db.example.com:5432"' },
  },
);

const pem = text.refine(
  (value) => value === "" || value.includes("-----BEGIN CERTIFICATE-----"),
  "must be PEM certificates (a path is accepted in the config file only)",
);

/** The part of a database that its specification is, shared with the configuration of agents. */
export const databaseSpec = z.strictObject({
  protocol: oneOf(databaseProtocols),
  uri,
  /** Old place of `tls.ca_cert`. */
  ca_cert: optional(pem),
  dynamic_labels: optional(dynamicLabels),
  tls: optional(
    z.strictObject({
      mode: optional(tlsMode),
      /** PEM certificates that the server's one is held against; none: the cluster's own `db` authority. */
      ca_cert: optional(pem),
      /** The name that the server's certificate must be for; by default the host of the address. */
      server_name: optional(text),
      trust_system_cert_pool: optional(flag),
    }),
  ),
  mysql: optional(z.strictObject({ server_version: optional(text) })),
});

/** Strict schema of a database; its output is the canonical document. */
export const databaseSchema = z.strictObject({
  kind: z.literal("db"),
  sub_kind: optional(text),
  version: fallback(oneOf(["v3"]), "v3"),
  metadata: metadata.refine(({ name }) => namePattern.test(name), {
    path: ["name"],
    message: "must begin with a small letter and have only small letters, digits and hyphens",
    params: { suggestion: 'write it as in "orders-db", with at most 63 characters' },
  }),
  spec: databaseSpec,
});

/** A database as a canonical document. */
export type Database = z.output<typeof databaseSchema>;

/** Where the server of a database listens. */
export function addressOfDatabase({ spec }: Database): Address {
  const address = parseAddress(spec.uri, defaultPorts[spec.protocol], "");
  return address ?? { host: "", port: 0 };
}
