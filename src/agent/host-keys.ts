/**
 * What a machine keeps of itself between starts: its SSH host keys (Ed25519 and RSA) and its TLS key. Private
 * keys lie in files that only the node's user can read, and never leave the machine.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Fault } from "#base/fault.ts";
import { formatAuthorizedKey } from "#ssh/public-key.ts";
import { keySigner, type Signer } from "#ssh/signer.ts";

const generate = promisify(generateKeyPair);

/** Official clients accept RSA host certificates only (public API, `tsh config`), so every host has such a key too. */
const rsaBits = 2048;

/** The keys of one machine. */
export interface HostKeys {
  /** Ed25519 first, then RSA. */
  readonly ssh: readonly Signer[];
  readonly tls: KeyObject;
}

/** Reads the keys, or makes them at the first start. */
export async function readHostKeys(folder: string): Promise<HostKeys> {
  const [ed25519, rsa, tls] = await Promise.all([
    readKey(folder, "ssh_ed25519.pem", () => generate("ed25519")),
    readKey(folder, "ssh_rsa.pem", () => generate("rsa", { modulusLength: rsaBits })),
    readKey(folder, "tls.pem", () => generate("ec", { namedCurve: "P-256" })),
  ]);
  return { ssh: [keySigner(ed25519), keySigner(rsa)], tls };
}

/** The public halves, in the form in which certificates are asked for. */
export function publicHalves({ ssh, tls }: HostKeys): {
  sshPublicKeys: string[];
  tlsPublicKey: string;
} {
  return {
    sshPublicKeys: ssh.map(({ publicKey }) => formatAuthorizedKey(publicKey)),
    tlsPublicKey: createPublicKey(tls).export({ type: "spki", format: "pem" }).toString(),
  };
}

/** Writes a file that only its owner can read, whole or not at all. */
export async function writeSecret(folder: string, file: string, text: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(`${file}.new`, text, { mode: 0o600 });
    await rename(`${file}.new`, file);
  } catch (cause) {
    throw new Fault("environment", `the file ${file} cannot be written`, {
      hint: "check the owner of the data directory and the space on its disk",
      cause,
    });
  }
}

/** The text of a file, undefined if it does not exist. Throws `environment` if it cannot be read. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    if ((cause as { code?: string }).code === "ENOENT") return undefined;
    throw new Fault("environment", `the file ${file} cannot be read`, { cause });
  }
}

async function readKey(
  folder: string,
  name: string,
  make: () => Promise<{ privateKey: KeyObject }>,
): Promise<KeyObject> {
  const file = join(folder, name);
  const pem = await readIfThere(file);
  if (pem !== undefined) return parseKey(pem, file);
  const { privateKey } = await make();
  const text = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  await writeSecret(folder, file, text);
  return privateKey;
}

function parseKey(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new Fault("environment", `the file ${file} does not hold a private key`, {
      hint: "remove the node folder of the data directory and join again",
      cause,
    });
  }
}
