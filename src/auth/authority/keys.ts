/**
 * The signing keys of the cluster's authorities, made at the first start and kept in the backend. Private halves never
 * leave this folder: everybody else gets a signer, or the public document that `documents.ts` makes.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { formatKey } from "#backend/key.ts";
import type { Backend } from "#backend/port.ts";
import { utf8 } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import { isFault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import type { CertAuthorityType } from "#resource/cert-authority.ts";
import { keySigner, type SyncSigner } from "#ssh/signer.ts";
import { issueAuthority } from "#x509/authority.ts";
import { type Certificate, parseCertificate } from "#x509/certificate.ts";
import { formatCertificatePem, parseSinglePem } from "#x509/pem.ts";
import { type CertificateSigner, signerOf } from "#x509/signer.ts";

/** What one authority signs with; which parts there are depends on its type. */
export interface AuthorityKeys {
  readonly type: CertAuthorityType;
  readonly ssh?: SyncSigner;
  readonly tls?: { readonly signer: CertificateSigner; readonly certificate: Certificate };
  /** SubjectPublicKeyInfo as PEM of the key that signs tokens. */
  readonly jwt?: { readonly publicKey: string };
}

/** The algorithm of new keys: the suite `balanced-v1`, or RSA for clients that know nothing else. */
export type KeySuite = "balanced-v1" | "legacy";

type Part = "ssh" | "tls" | "jwt";

/** Which keys each authority has. */
const parts: Readonly<Record<CertAuthorityType, readonly Part[]>> = {
  user: ["ssh", "tls"],
  host: ["ssh", "tls"],
  db: ["tls"],
  db_client: ["tls"],
  openssh: ["ssh"],
  jwt: ["jwt"],
  saml_idp: ["tls"],
  oidc_idp: ["jwt"],
  spiffe: ["tls", "jwt"],
  okta: ["jwt"],
};

/** What is stored: private keys as PKCS #8 PEM, the certificate as PEM. */
interface StoredKeys {
  readonly ssh?: string;
  readonly tls?: string;
  readonly jwt?: string;
  readonly certificate?: string;
}

const validYears = 10;

/** Reads the keys of all authorities; makes those that do not exist yet. */
export async function loadAuthorities(
  backend: Backend,
  options: {
    readonly clusterName: string;
    readonly suite: KeySuite;
    readonly clock: Clock;
    readonly random: Random;
  },
): Promise<ReadonlyMap<CertAuthorityType, AuthorityKeys>> {
  const types = Object.keys(parts) as CertAuthorityType[];
  const loaded = await Promise.all(
    types.map(async (type) => {
      const key = formatKey("authority", type, options.clusterName);
      const stored = (await read(backend, key)) ?? (await createOnce(backend, key, type, options));
      return [type, open(type, stored)] as const;
    }),
  );
  return new Map(loaded);
}

async function read(backend: Backend, key: string): Promise<StoredKeys | undefined> {
  const item = await backend.find(key);
  return item && (JSON.parse(new TextDecoder().decode(item.value)) as StoredKeys);
}

/** Two auth services that start together must end up with the same keys: who comes second takes the first one's. */
async function createOnce(
  backend: Backend,
  key: string,
  type: CertAuthorityType,
  options: Parameters<typeof loadAuthorities>[1],
): Promise<StoredKeys> {
  const created = create(type, options);
  try {
    await backend.create(key, utf8(JSON.stringify(created)));
    return created;
  } catch (error) {
    const first = isFault(error, "already-exists") ? await read(backend, key) : undefined;
    if (first) return first;
    throw error;
  }
}

function create(
  type: CertAuthorityType,
  { clusterName, suite, clock, random }: Parameters<typeof loadAuthorities>[1],
): StoredKeys {
  const stored: { -readonly [K in keyof StoredKeys]: StoredKeys[K] } = {};
  for (const part of parts[type]) {
    const key = newKey(part, suite);
    stored[part] = key.export({ type: "pkcs8", format: "pem" }).toString();
    if (part !== "tls") continue;
    const now = clock.now();
    const notAfter = new Date(now);
    notAfter.setUTCFullYear(now.getUTCFullYear() + validYears);
    const notBefore = new Date(now.getTime() - 60_000);
    const der = issueAuthority({ clusterName, notBefore, notAfter, random }, signerOf(key));
    stored.certificate = formatCertificatePem(der);
  }
  return stored;
}

function newKey(part: Part, suite: KeySuite): KeyObject {
  if (suite === "legacy") return generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  if (part === "ssh") return generateKeyPairSync("ed25519").privateKey;
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

function open(type: CertAuthorityType, stored: StoredKeys): AuthorityKeys {
  const { ssh, tls, jwt, certificate } = stored;
  return {
    type,
    ...(ssh ? { ssh: keySigner(createPrivateKey(ssh)) } : {}),
    ...(tls && certificate
      ? {
          tls: {
            signer: signerOf(createPrivateKey(tls)),
            certificate: parseCertificate(parseSinglePem("CERTIFICATE", certificate)),
          },
        }
      : {}),
    ...(jwt ? { jwt: { publicKey: publicPem(createPrivateKey(jwt)) } } : {}),
  };
}

function publicPem(privateKey: KeyObject): string {
  return createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString();
}
