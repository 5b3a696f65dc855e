/**
 * Decides whether the proxy's web certificate may be talked to: trusted by the system, or exactly the certificate
 * that was pinned at a login with `--insecure`. Only the web address uses this; every other connection trusts the
 * cluster's host authority alone.
 */
import { readFileSync } from "node:fs";
import { rootCertificates, type TLSSocket } from "node:tls";
import { Fault } from "#base/fault.ts";
import { readText, writePrivate } from "../profile/files.ts";
import { folderPaths } from "../profile/paths.ts";

/** What may vouch for a web certificate besides the system. */
export interface WebTrust {
  /** PEM of the one further certificate that is accepted, as it is. */
  readonly pinned: string | undefined;
  /** Accept anything and report it: the person said `--insecure`. */
  readonly insecure: boolean;
}

/** How a certificate was accepted. */
export type WebVerdict = "system" | "pinned" | "insecure";

/**
 * Judges the certificate of a connected socket. Throws `unproven` with the way out: another certificate than the
 * pinned one is told apart from one that nobody vouches for.
 */
export function judgeWebCertificate(
  socket: TLSSocket,
  trust: WebTrust,
  address: string,
): WebVerdict {
  if (socket.authorized) return "system";
  const presented = socket.getPeerX509Certificate()?.toString().trim();
  if (presented !== undefined && presented === trust.pinned?.trim()) return "pinned";
  if (trust.insecure && presented !== undefined) return "insecure";
  const reason = reasonOf(socket.authorizationError);
  if (trust.pinned !== undefined) {
    throw new Fault("unproven", `the web certificate of ${address} is not the one seen at login`, {
      hint: "if the proxy's certificate was replaced on purpose, log in again with --insecure",
      cause: reason,
    });
  }
  throw new Fault("unproven", `the web certificate of ${address} is not trusted: ${reason}`, {
    hint:
      "if this is your own cluster with a self-signed certificate, log in once with --insecure; " +
      "tsh then remembers the certificate",
  });
}

/** The pinned certificate of a proxy, if any. */
export function readWebPin(folder: string, host: string): string | undefined {
  return readText(folderPaths(folder).webPin(host));
}

/** Remembers the certificate of a proxy. */
export function writeWebPin(folder: string, host: string, pem: string): void {
  writePrivate(folderPaths(folder).webPin(host), `${pem.trim()}\n`);
}

/** Further roots from `SSL_CERT_FILE`, as other tools read it; undefined leaves Node's own list in force. */
export function extraRoots(env: NodeJS.ProcessEnv): string[] | undefined {
  const file = env["SSL_CERT_FILE"];
  if (!file) return undefined;
  try {
    return [...rootCertificates, readFileSync(file, "utf8")];
  } catch (cause) {
    throw new Fault("environment", `cannot read SSL_CERT_FILE ${file}`, { cause });
  }
}

/** Node gives OpenSSL's code, or a whole sentence when the name does not match. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  return reasons[code] ?? "no authority vouches for it";
}

const reasons: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "it is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "its authority is unknown",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its authority is unknown",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its authority is unknown",
  CERT_HAS_EXPIRED: "it has expired",
  CERT_NOT_YET_VALID: "it is not valid yet; check the clock of this machine",
  ERR_TLS_CERT_ALTNAME_INVALID: "it is for another host name",
};
