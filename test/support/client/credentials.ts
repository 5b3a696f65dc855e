/** Keys and certificates for tests of this folder: self-made, accepted by nobody. */
import { execFileSync } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StoredCredentials } from "#client/profile/store.ts";
import type { HostAuthority } from "#client/profile/trust.ts";

/** A P-256 key and a self-signed certificate for it. */
export function testCertificate(
  name = "main",
  altName = "DNS:localhost",
): { key: string; certificate: string } {
  const folder = mkdtempSync(join(tmpdir(), "certificate-"));
  try {
    const [key, certificate] = [join(folder, "key"), join(folder, "crt")];
    const subject = ["-subj", `/CN=${name}/O=${name}`, "-addext", `subjectAltName=${altName}`];
    execFileSync(
      "openssl",
      ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"].concat(
        ["-days", "1", "-keyout", key, "-out", certificate],
        subject,
      ),
      { stdio: "ignore" },
    );
    return { key: readFileSync(key, "utf8"), certificate: readFileSync(certificate, "utf8") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Fresh credentials whose halves belong together. The SSH half is a placeholder: nobody parses it here. */
export function testCredentials(): StoredCredentials {
  const { key, certificate } = testCertificate();
  const { privateKey } = generateKeyPairSync("ed25519");
  const mark = randomBytes(8).toString("hex");
  return {
    sshKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    sshPublicKey: `ssh-ed25519 ${mark} alice\n`,
    sshCertificate: `ssh-ed25519-cert-v01@openssh.com ${mark} alice\n`,
    tlsKey: key,
    tlsCertificate: certificate,
  };
}

/** A host authority for one cluster. */
export function testAuthorities(cluster: string): HostAuthority[] {
  return [
    {
      cluster,
      sshKeys: [`ssh-ed25519 ${"A".repeat(68)}`],
      tlsCertificates: [testCertificate().certificate],
    },
  ];
}
