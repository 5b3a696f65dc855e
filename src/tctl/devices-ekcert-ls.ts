/** `tctl devices ekcert ls` */
import type { X509Certificate } from "node:crypto";
import { printAs } from "#cli/output.ts";
import { printTable } from "#cli/table.ts";
import { parseEndorsementAuthorities } from "#tpm/endorsement-chain.ts";
import type { devicesEkcertLs } from "./attestation-commands.ts";
import type { AuthClient } from "./auth-client.ts";
import type { Invocation } from "./commands.ts";
import { withAuth } from "./services.ts";

/** Prints `ekcert_allowed_cas` of the cluster. */
export async function run(invocation: Invocation<typeof devicesEkcertLs>): Promise<void> {
  const { console, flags, services } = invocation;
  const authorities = await withAuth(invocation, readAuthorities);
  const now = services.clock.now();
  const rows = authorities.map(describeAuthority);
  await printAs(console, flags.format, rows, () => {
    if (rows.length === 0) {
      console.print("Any TPM may enroll: no authority is listed");
      console.note("hint: list a TPM maker's authority with: tctl devices ekcert allow FILE");
      return;
    }
    const header = ["Authority", "Issuer", "Valid Until", "SHA-256"];
    const cells = rows.map(({ subject, issuer, not_after, sha256 }) => {
      const until = new Date(not_after) < now ? `${not_after} (expired)` : not_after;
      return [subject, issuer === subject ? "itself" : issuer, until, sha256];
    });
    printTable(console, header, cells);
  });
}

/** The authorities of `ekcert_allowed_cas`. */
export async function readAuthorities(auth: AuthClient): Promise<readonly X509Certificate[]> {
  const { spec } = await auth.get("cluster_auth_preference", "cluster-auth-preference");
  return parseEndorsementAuthorities(spec.device_trust?.ekcert_allowed_cas ?? []);
}

/** What listings say of an authority. */
export function describeAuthority(certificate: X509Certificate) {
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    not_before: certificate.validFromDate.toISOString(),
    not_after: certificate.validToDate.toISOString(),
    sha256: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
  };
}

/** A distinguished name of `node:crypto`, one attribute per line, as one line. */
export function oneLine(name: string | undefined): string {
  return (name ?? "").split("\n").join(", ");
}
