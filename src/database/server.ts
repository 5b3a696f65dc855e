/**
 * Reaches the server of a database: TCP, then TLS with the certificate for this connection. There is no other way in: a
 * server that does not speak TLS, or that nobody vouches for, is not spoken to (the lesson of GHSA-r7rf-j762-2xxv).
 */
import { connect, isIP, type Socket } from "node:net";
import {
  type ConnectionOptions,
  connect as connectTls,
  rootCertificates,
  type TLSSocket,
} from "node:tls";
import { formatAddress } from "#base/address.ts";
import { Fault } from "#base/fault.ts";
import { addressOfDatabase, type Database } from "#resource/database.ts";
import type { DatabaseCredential } from "./credential.ts";

const timeoutMs = 10_000;

/** What TLS with a server needs. */
export interface ServerTrust {
  readonly database: Database;
  /** PEM certificates of the cluster's authority for database servers. */
  readonly authorities: readonly string[];
  /** None for a connection that logs in to nothing, as one that only ends a query. */
  readonly credential: DatabaseCredential | undefined;
}

/** Opens a plain connection to the server. Throws `unavailable`. */
export function dialServer(database: Database): Promise<Socket> {
  const { host, port } = addressOfDatabase(database);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true, keepAlive: true });
    const fail = (cause?: unknown) => {
      socket.destroy();
      reject(silentServer(database, cause));
    };
    const timer = setTimeout(fail, timeoutMs);
    socket.once("error", fail);
    socket.once("close", () => clearTimeout(timer));
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.off("error", fail);
      socket.on("error", () => socket.destroy());
      resolve(socket);
    });
  });
}

/** TLS on a connection to the server. Throws `unproven` when the server is not the one that it should be. */
export function secureServer(socket: Socket, trust: ServerTrust): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secured = connectTls({ socket, ...tlsOptions(trust) });
    const fail = (cause?: unknown) => {
      secured.destroy();
      reject(distrusted(trust.database, cause));
    };
    const timer = setTimeout(fail, timeoutMs);
    secured.once("error", fail);
    secured.once("close", fail);
    secured.once("secureConnect", () => {
      clearTimeout(timer);
      secured.off("error", fail);
      secured.off("close", fail);
      secured.on("error", () => secured.destroy());
      resolve(secured);
    });
    secured.once("close", () => clearTimeout(timer));
  });
}

/** The options of TLS with the server, by the mode of the database. */
function tlsOptions({ database, authorities, credential }: ServerTrust): ConnectionOptions {
  const { tls, ca_cert: oldPlace } = database.spec;
  const own = tls?.ca_cert || oldPlace;
  const system = tls?.trust_system_cert_pool === true ? rootCertificates : [];
  const name = tls?.server_name || addressOfDatabase(database).host;
  const mode = tls?.mode ?? "verify_full";
  return {
    ca: [...(own ? [own] : authorities), ...system],
    ...(credential && { cert: credential.certificate, key: credential.privateKey }),
    minVersion: "TLSv1.2",
    // Without a name of its own the address is what the certificate must be for.
    host: name,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    rejectUnauthorized: mode !== "insecure",
    ...(mode === "verify_full" ? {} : { checkServerIdentity: () => undefined }),
  };
}

/** The server did not answer, or went away before the session began. */
export function silentServer(database: Database, cause?: unknown): Fault {
  const where = formatAddress(addressOfDatabase(database));
  return new Fault("unavailable", `the database server at ${where} does not answer`, {
    hint: `check that it runs and that the agent of "${database.metadata.name}" reaches it`,
    cause,
  });
}

/** The server went away in the middle of a session, without a word. */
export function serverGone(): Fault {
  return new Fault("unavailable", "the database server closed the connection");
}

function distrusted(database: Database, cause: unknown): Fault {
  const where = formatAddress(addressOfDatabase(database));
  return new Fault("unproven", `no TLS with the database server at ${where}: ${reasonOf(cause)}`, {
    hint: `give the server a certificate with: tctl auth sign --format=${formats[database.spec.protocol]} --host=${addressOfDatabase(database).host} --out=server`,
    cause,
  });
}

const formats = { postgres: "db", mysql: "mysql", redis: "redis" } as const;

function reasonOf(cause: unknown): string {
  const { code, message } = (cause ?? {}) as { code?: string; message?: string };
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return "its certificate is for another name";
  if (/CERT|SIGNED|ISSUER|SIGNATURE|CA_/.test(code ?? "")) {
    return "its certificate is not of an authority that this database trusts";
  }
  return message?.split("\n")[0]?.slice(0, 200) ?? "it closed the connection";
}
