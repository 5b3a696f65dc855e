/**
 * What a connection to the cluster authenticates with: a key and a certificate for TLS, and the same for SSH. Two
 * kinds exist: the one stored in the profile, which never carries device fields, and the one that a device
 * authentication gave to keys in memory.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { Fault } from "#base/fault.ts";
import { parseCertificate } from "#ssh/certificate.ts";
import { parsePrivateKey } from "#ssh/private-key.ts";
import { parseAuthorizedKey } from "#ssh/public-key.ts";
import { keySigner } from "#ssh/signer.ts";
import type { SshCredential } from "../access.ts";
import { parseStored } from "../profile/damaged.ts";
import type { StoredLogin } from "../profile/logins.ts";
import { loginPaths } from "../profile/paths.ts";
import type { StoredCredentials } from "../profile/store.ts";

/** Both halves of an identity. */
export interface ClientIdentity {
  /** PEM. */
  readonly tls: { readonly certificate: string; readonly key: string };
  readonly ssh: SshCredential;
  readonly expires: Date;
  /** Asset tag of the authenticated device; undefined for the stored identity. */
  readonly assetTag: string | undefined;
}

/** The identity that the profile holds. Throws `unproven` when it has expired. */
export function storedIdentity(
  login: StoredLogin,
  credentials: StoredCredentials,
  now: Date,
): ClientIdentity {
  const expires = new X509Certificate(credentials.tlsCertificate).validToDate;
  if (expires <= now) {
    throw new Fault(
      "unproven",
      `the login of ${login.key.user} expired at ${expires.toISOString()}`,
      {
        hint: `log in again: tsh login --proxy=${login.document.webProxyAddr} --user=${login.key.user}`,
      },
    );
  }
  const paths = loginPaths(login.folder, login.key);
  return {
    tls: { certificate: credentials.tlsCertificate, key: credentials.tlsKey },
    ssh: {
      certificate: parseStored(login, "the SSH certificate", paths.sshCertificate, () => {
        const { blob } = parseAuthorizedKey(credentials.sshCertificate);
        parseCertificate(blob);
        return blob;
      }),
      signer: keySigner(
        parseStored(login, "the SSH key", paths.sshKey, () => readSshKey(credentials.sshKey)),
      ),
    },
    expires,
    assetTag: undefined,
  };
}

/** OpenSSH's own format, which we write, or PKCS#1 and PKCS#8, which older clients wrote. */
function readSshKey(text: string) {
  if (text.includes("BEGIN OPENSSH PRIVATE KEY")) return parsePrivateKey(text);
  try {
    return createPrivateKey(text);
  } catch (cause) {
    throw new Fault("malformed", "the SSH key cannot be read", { cause });
  }
}
