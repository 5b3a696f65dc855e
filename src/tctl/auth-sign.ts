/**
 * `tctl auth sign`: the certificate of a database server. The key is made here and stays here; beside it stands the authority
 * of the agents, whose certificates are the only ones that the server is to take.
 */
import { generateKeyPairSync } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { Fault } from "#base/fault.ts";
import { issueCertificateRequest } from "#x509/certificate-request.ts";
import { attributes } from "#x509/name.ts";
import { formatPem } from "#x509/pem.ts";
import { signerOf } from "#x509/signer.ts";
import type { authSign, Invocation } from "./commands.ts";
import { withAuth } from "./services.ts";

interface Files {
  readonly certificate: string;
  readonly key: string;
  readonly authorities: string;
}

/** Writes three files, and prints what the server's configuration says about them. */
export async function run(invocation: Invocation<typeof authSign>): Promise<void> {
  const { flags, console } = invocation;
  const path = resolve(flags.out);
  const files = { certificate: `${path}.crt`, key: `${path}.key`, authorities: `${path}.cas` };
  if (!flags.overwrite) assertFree(files);
  const [host = ""] = flags.host;
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const subject = [{ type: attributes.commonName, value: host.slice(0, 64) }];
  const der = issueCertificateRequest(subject, signerOf(privateKey));
  const request = formatPem("CERTIFICATE REQUEST", der);
  const signed = await withAuth(invocation, (auth) =>
    auth.signDatabaseServer(request, flags.host, flags.ttl),
  );
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  write(files.key, key, 0o600);
  write(files.certificate, signed.certificate, 0o644);
  write(files.authorities, signed.authorities.join(""), 0o644);
  console.print(
    `Database credentials have been written to ${files.certificate}, ${files.key}, ${files.authorities}.`,
  );
  console.print("");
  console.write(`${instructions[flags.format](files).join("\n")}\n`);
}

function assertFree(files: Files): void {
  const there = Object.values(files).find((file) => existsSync(file));
  if (there === undefined) return;
  throw new Fault("already-exists", `${there} is there already`, {
    hint: "replace it with: --overwrite",
  });
}

function write(file: string, text: string, mode: number): void {
  try {
    writeFileSync(file, text, { mode });
  } catch (cause) {
    throw new Fault("environment", `cannot write ${file}`, { cause });
  }
}

const instructions: Readonly<
  Record<"db" | "mysql" | "redis", (files: Files) => readonly string[]>
> = {
  db: ({ certificate, key, authorities }) => [
    "Make the key readable for the server, and add to postgresql.conf:",
    "",
    "ssl = on",
    `ssl_cert_file = '${certificate}'`,
    `ssl_key_file = '${key}'`,
    `ssl_ca_file = '${authorities}'`,
    "",
    "Let users come by certificate, in pg_hba.conf above other lines:",
    "",
    "hostssl   all  all  all  cert",
    "hostnossl all  all  all  reject",
    "",
    "Then reload the server: SELECT pg_reload_conf();",
  ],
  mysql: ({ certificate, key, authorities }) => [
    "Make the key readable for the server, and add to the section [mysqld] of my.cnf:",
    "",
    "require_secure_transport = ON",
    `ssl_cert = ${certificate}`,
    `ssl_key = ${key}`,
    `ssl_ca = ${authorities}`,
    "",
    "Restart the server, and let a user come by certificate:",
    "",
    "CREATE USER alice REQUIRE SUBJECT '/CN=alice';",
  ],
  redis: ({ certificate, key, authorities }) => [
    "Make the key readable for the server, and add to redis.conf:",
    "",
    "port 0",
    "tls-port 6379",
    `tls-cert-file ${certificate}`,
    `tls-key-file ${key}`,
    `tls-ca-cert-file ${authorities}`,
    "tls-auth-clients yes",
    "",
    "Then restart the server.",
  ],
};
