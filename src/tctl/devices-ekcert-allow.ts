/** `tctl devices ekcert allow` */
import { X509Certificate } from "node:crypto";
import { Fault } from "#base/fault.ts";
import type { ClusterAuthPreference } from "#resource/cluster-auth-preference.ts";
import { originOf } from "#resource/singletons.ts";
import { isValidAt, parseEndorsementAuthorities } from "#tpm/endorsement-chain.ts";
import type { devicesEkcertAllow } from "./attestation-commands.ts";
import { readCertificates, toPem } from "./certificate-file.ts";
import type { Invocation } from "./commands.ts";
import { oneLine } from "./devices-ekcert-ls.ts";
import { withAuth } from "./services.ts";

/** Checks that the file holds authorities, adds those that are missing, and says what that means for enrollments. */
export async function run(invocation: Invocation<typeof devicesEkcertAllow>): Promise<void> {
  const { args, console, services } = invocation;
  const now = services.clock.now();
  const given = (await readCertificates(args.file, console)).map((der) =>
    readAuthority(der, args.file, now),
  );
  await withAuth(invocation, async (auth) => {
    const preference = await auth.get("cluster_auth_preference", "cluster-auth-preference");
    const entries = preference.spec.device_trust?.ekcert_allowed_cas ?? [];
    const listed = new Set(parseEndorsementAuthorities(entries).map((ca) => ca.fingerprint256));
    const added = given.filter(({ fingerprint256 }) => !listed.has(fingerprint256));
    for (const { subject, fingerprint256 } of given) {
      if (listed.has(fingerprint256)) console.note(`${oneLine(subject)} is listed already`);
    }
    if (added.length === 0) return;
    await auth.update(
      withAuthorities(preference, [...entries, ...added.map(({ raw }) => toPem(raw))]),
    );
    for (const { subject, validToDate } of added) {
      console.print(`Added ${oneLine(subject)}, valid until ${validToDate.toISOString()}`);
    }
    const count = listed.size + added.length;
    console.print(
      `A TPM enrolls from now on only with a certificate of ${count === 1 ? "this authority" : `one of these ${count} authorities`}.`,
    );
    if (listed.size === 0) {
      console.note("hint: what is enrolled stays; see which TPM a device has with:");
      console.note("hint: tctl devices ekcert inspect --asset-tag=TAG");
    }
    if (originOf(preference) !== "config-file") return;
    console.note("hint: the auth service's configuration file sets this list at every start:");
    console.note(
      "hint: add the file to auth_service.authentication.device_trust.ekcert_allowed_cas",
    );
  });
}

function readAuthority(der: Uint8Array, file: string, now: Date): X509Certificate {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(der);
  } catch (cause) {
    throw new Fault("invalid", `a certificate in ${file} cannot be read`, { cause });
  }
  const name = oneLine(certificate.subject) || "the certificate";
  if (!certificate.ca) {
    throw new Fault("invalid", `${name} is not an authority`, {
      hint: `see who issued it, and add that one: tctl devices ekcert inspect ${file}`,
    });
  }
  if (isValidAt(certificate, now)) return certificate;
  throw new Fault("invalid", `${name} is not valid at this time`, {
    hint: `it is valid from ${certificate.validFrom} to ${certificate.validTo}: no TPM could enroll with it`,
  });
}

function withAuthorities(
  preference: ClusterAuthPreference,
  ekcert_allowed_cas: string[],
): ClusterAuthPreference {
  const { spec } = preference;
  return {
    ...preference,
    spec: { ...spec, device_trust: { ...spec.device_trust, ekcert_allowed_cas } },
  };
}
