/**
 * Fresh key pairs for a login, of the kinds that the cluster's signature suite asks for: Ed25519 for SSH and P-256
 * for TLS, or RSA-2048 where the cluster still serves clients that know nothing newer.
 */
import { createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { systemRandom } from "#base/random.ts";
import { formatPrivateKey } from "#ssh/private-key.ts";
import { encodePublicKey, formatAuthorizedKey } from "#ssh/public-key.ts";

/** A private key per protocol; at clusters of before the split it is one and the same. */
export interface LoginKeys {
  readonly ssh: KeyObject;
  readonly tls: KeyObject;
}

const generate = promisify(generateKeyPair);
const rsaBits = 2048;

/**
 * Makes keys for a signature suite as ping names it; an unknown one gets the modern kinds. A cluster that names none is
 * from before SSH and TLS had keys of their own (17.0.0-dev): it certifies one RSA key for both.
 */
export async function generateLoginKeys(suite: string): Promise<LoginKeys> {
  if (suite === "") {
    const { privateKey } = await generate("rsa", { modulusLength: rsaBits });
    return { ssh: privateKey, tls: privateKey };
  }
  if (suite === "legacy") {
    const [ssh, tls] = await Promise.all([
      generate("rsa", { modulusLength: rsaBits }),
      generate("rsa", { modulusLength: rsaBits }),
    ]);
    return { ssh: ssh.privateKey, tls: tls.privateKey };
  }
  if (suite === "fips-v1" || suite === "hsm-v1") {
    const [ssh, tls] = await Promise.all([
      generate("ec", { namedCurve: "P-256" }),
      generate("ec", { namedCurve: "P-256" }),
    ]);
    return { ssh: ssh.privateKey, tls: tls.privateKey };
  }
  const [ssh, tls] = await Promise.all([
    generate("ed25519", {}),
    generate("ec", { namedCurve: "P-256" }),
  ]);
  return { ssh: ssh.privateKey, tls: tls.privateKey };
}

/** The public halves as requests carry them: an authorized_keys line, and SubjectPublicKeyInfo in PEM. */
export function publicHalves(keys: LoginKeys): { ssh: string; tls: string } {
  return {
    ssh: formatAuthorizedKey(encodePublicKey(keys.ssh)),
    tls: publicPem(keys.tls),
  };
}

/** The private halves as the profile stores them. */
export function privateHalves(keys: LoginKeys, comment: string): { ssh: string; tls: string } {
  return {
    ssh: formatPrivateKey(keys.ssh, comment, systemRandom),
    tls: keys.tls.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function publicPem(key: KeyObject): string {
  return createPublicKey(key).export({ type: "spki", format: "pem" }).toString();
}
