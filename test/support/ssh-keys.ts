/** Keys, authorities and certificates for SSH tests, as values and as the files that OpenSSH reads. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemRandom } from "#base/random.ts";
import { type CertificateRequest, issueCertificate } from "#ssh/certificate.ts";
import { formatPrivateKey } from "#ssh/private-key.ts";
import { formatAuthorizedKey } from "#ssh/public-key.ts";
import { keySigner, type SyncSigner } from "#ssh/signer.ts";

export type KeyKind = "ed25519" | "ecdsa256" | "ecdsa384" | "ecdsa521" | "rsa";

/** A private key and the signer over it. */
export interface TestKey {
  readonly privateKey: KeyObject;
  readonly signer: SyncSigner;
}

/** Makes a key. RSA keys have 2048 bit. */
export function createKey(kind: KeyKind = "ed25519"): TestKey {
  const privateKey = createPrivate(kind);
  return { privateKey, signer: keySigner(privateKey) };
}

function createPrivate(kind: KeyKind): KeyObject {
  if (kind === "ed25519") return generateKeyPairSync("ed25519").privateKey;
  if (kind === "rsa") return generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  return generateKeyPairSync("ec", { namedCurve: `P-${kind.slice(5)}` }).privateKey;
}

/** Issues a certificate from five minutes ago for an hour, changed by `changes`. */
export function certify(
  key: TestKey,
  authority: TestKey,
  changes: Partial<CertificateRequest> = {},
): Uint8Array {
  const request: CertificateRequest = {
    type: "user",
    publicKey: key.signer.publicKey,
    serial: 1n,
    keyId: "alice",
    principals: ["root"],
    validAfter: new Date(Date.now() - 300_000),
    validBefore: new Date(Date.now() + 3_600_000),
    extensions: { "permit-pty": "", "permit-port-forwarding": "", "permit-agent-forwarding": "" },
    ...changes,
  };
  return issueCertificate(request, authority.signer, systemRandom);
}

/** A folder of key files that is removed with it. */
export class KeyFolder {
  readonly path = mkdtempSync(join(tmpdir(), "gatehouse-ssh-"));

  /** Writes a private key, its public half and a certificate beside it. Returns the path of the private key. */
  writeKey(name: string, key: TestKey, certificate?: Uint8Array): string {
    const file = join(this.path, name);
    writeFileSync(file, formatPrivateKey(key.privateKey, name, systemRandom), { mode: 0o600 });
    writeFileSync(`${file}.pub`, `${formatAuthorizedKey(key.signer.publicKey, name)}\n`);
    if (certificate !== undefined) {
      writeFileSync(`${file}-cert.pub`, `${formatAuthorizedKey(certificate, name)}\n`);
    }
    return file;
  }

  /** Writes a text file. Returns its path. */
  write(name: string, text: string): string {
    const file = join(this.path, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
