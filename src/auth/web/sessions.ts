/**
 * Sessions of browsers. The certificates of a session are those of any login; their keys are made here, stay here, and lie
 * in the store sealed under the secret of the cookie, of which the store has a hash. A session ends with its certificates
 * and is not prolonged.
 */
import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { decideIdentity } from "#access/decide-access.ts";
import { assertAllowed } from "#access/decision.ts";
import { formatKey } from "#backend/key.ts";
import type { Item } from "#backend/port.ts";
import { base64, base64url, sameBytes, utf8 } from "#base/bytes.ts";
import { Fault, isFault } from "#base/fault.ts";
import { uuid } from "#base/random.ts";
import { Secret } from "#base/secret.ts";
import { decodeExtensions } from "#identity/extensions.ts";
import type { DeviceExtensions, UserIdentity } from "#identity/identity.ts";
import { decodeSubject } from "#identity/subject.ts";
import { parseCertificate as parseSsh } from "#ssh/certificate.ts";
import { encodePublicKey } from "#ssh/public-key.ts";
import { parseCertificate as parseTls } from "#x509/certificate.ts";
import type { AuthContext } from "../context.ts";
import { loadPolicy } from "../policy.ts";
import { certifyUser } from "../users/certify.ts";
import { seal, unseal } from "./seal.ts";

/** A session as it is now. */
export interface WebSession {
  readonly id: string;
  /** What the X.509 certificate says: everything but what SSH permits. */
  readonly identity: UserIdentity;
  /** DER. */
  readonly tls: Uint8Array;
  /** SSH certificate blob. */
  readonly ssh: Uint8Array;
}

/** The private halves: whoever has them acts as the person. */
export interface SessionKeys {
  readonly tls: KeyObject;
  readonly ssh: KeyObject;
}

/** A session that was opened with its cookie. */
export interface OpenWebSession extends WebSession {
  readonly keys: SessionKeys;
}

interface Stored {
  readonly secretHash: string;
  /** Base64, as all bytes here. */
  readonly tls: string;
  readonly ssh: string;
  readonly sealedKeys: string;
}

const secretBytes = 32;
const idForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const secretForm = /^[\w-]{43}$/;

/** Opens a session for an identity that has just proved itself; the caller has written the events. */
export async function createWebSession(
  context: AuthContext,
  identity: UserIdentity,
): Promise<{ readonly cookie: Secret; readonly session: WebSession }> {
  const { backend, random } = context;
  const id = uuid(random);
  const secret = random(secretBytes);
  const tlsPair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const sshPair = generateKeyPairSync("ed25519");
  const issued = await certifyUser(context, identity, {
    tls: new Uint8Array(tlsPair.publicKey.export({ type: "spki", format: "der" })),
    ssh: encodePublicKey(sshPair.publicKey),
  });
  const { tls, ssh } = bothOf(issued);
  const keys = { tls: pkcs8(tlsPair.privateKey), ssh: pkcs8(sshPair.privateKey) };
  const stored: Stored = {
    secretHash: base64(hashOf(secret)),
    tls: base64(tls),
    ssh: base64(ssh),
    sealedKeys: base64(seal(secret, id, utf8(JSON.stringify(keys)), random)),
  };
  await backend.create(keyOf(id), encode(stored), { expires: identity.expires });
  return {
    cookie: new Secret(`${id}.${base64url(secret)}`),
    session: { id, identity, tls, ssh },
  };
}

/** The session with this id, or undefined: for auth itself, which needs no cookie. */
export async function findWebSession(
  { backend }: Pick<AuthContext, "backend">,
  id: string,
): Promise<WebSession | undefined> {
  const item = await findItem(backend, id);
  return item && sessionOf(id, decode(item));
}

/**
 * Opens the session of a cookie, for a person who must be good right now: no lock, and the address that the roles want.
 * Throws `unproven` in the same words whatever is wrong with the cookie, and as every decision about an identity.
 */
export async function openWebSession(
  context: AuthContext,
  cookie: string,
  clientIp: string,
): Promise<OpenWebSession> {
  const { id, secret } = readCookie(cookie);
  const item = await findItem(context.backend, id);
  if (item === undefined) throw noSession();
  const stored = decode(item);
  if (!sameBytes(hashOf(secret), bytesOf(stored.secretHash))) throw noSession();
  const session = sessionOf(id, stored);
  const policy = await loadPolicy(context);
  const now = context.clock.now();
  assertAllowed(decideIdentity({ identity: session.identity, policy, now, clientIp }));
  return { ...session, keys: readKeys(unseal(secret, id, bytesOf(stored.sealedKeys))) };
}

/** Ends the session of a cookie. A cookie that is none, or no longer, ends nothing and is no error. */
export async function deleteWebSession(
  { backend }: Pick<AuthContext, "backend">,
  cookie: string,
): Promise<void> {
  let id: string;
  let secret: Uint8Array;
  try {
    ({ id, secret } = readCookie(cookie));
  } catch (error) {
    if (isFault(error, "unproven")) return;
    throw error;
  }
  const item = await findItem(backend, id);
  if (item && sameBytes(hashOf(secret), bytesOf(decode(item).secretHash))) {
    await backend.delete(item.key);
  }
}

/**
 * Issues the certificates of a session again, with a device in them: same keys, same words, same end. Throws `unproven`
 * when the session has ended.
 */
export async function markWebSession(
  context: AuthContext,
  id: string,
  device: DeviceExtensions,
): Promise<WebSession> {
  for (;;) {
    const item = await findItem(context.backend, id);
    if (item === undefined) throw noSession();
    const stored = decode(item);
    const before = sessionOf(id, stored);
    const identity = { ...before.identity, device };
    const certificate = parseSsh(before.ssh);
    const sshIdentity = { ...decodeExtensions(certificate, context.clusterName), device };
    const { tls, ssh } = bothOf({
      ...(await certifyUser(context, identity, { tls: parseTls(before.tls).publicKey })),
      ...(await certifyUser(context, sshIdentity, { ssh: certificate.key.blob })),
    });
    const next = encode({ ...stored, tls: base64(tls), ssh: base64(ssh) });
    try {
      const { expires } = identity;
      await context.backend.update(item.key, next, item.revision, { expires });
      return { id, identity, tls, ssh };
    } catch (error) {
      // Another device vouched for it in between, or it ended.
      if (!isFault(error, "conflict")) throw error;
    }
  }
}

/** What can only be a cookie of ours. Throws `unproven`. */
function readCookie(cookie: string): { readonly id: string; readonly secret: Uint8Array } {
  const [id = "", secret = "", ...more] = cookie.split(".", 3);
  if (!idForm.test(id) || !secretForm.test(secret) || more.length > 0) throw noSession();
  return { id, secret: new Uint8Array(Buffer.from(secret, "base64url")) };
}

async function findItem(backend: AuthContext["backend"], id: string): Promise<Item | undefined> {
  return idForm.test(id) ? backend.find(keyOf(id)) : undefined;
}

function sessionOf(id: string, stored: Stored): WebSession {
  const tls = bytesOf(stored.tls);
  const { subject, notAfter } = parseTls(tls);
  const identity = decodeSubject(subject, notAfter, "user");
  return { id, identity, tls, ssh: bytesOf(stored.ssh) };
}

function readKeys(plain: Uint8Array): SessionKeys {
  const keys = JSON.parse(new TextDecoder().decode(plain)) as Record<keyof SessionKeys, string>;
  const read = (text: string) =>
    createPrivateKey({ key: Buffer.from(text, "base64"), format: "der", type: "pkcs8" });
  return { tls: read(keys.tls), ssh: read(keys.ssh) };
}

function pkcs8(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "der" }).toString("base64");
}

function bothOf({ tls, ssh }: { tls?: Uint8Array; ssh?: Uint8Array }) {
  if (!tls || !ssh) throw new Fault("internal", "a certificate is missing");
  return { tls, ssh };
}

function keyOf(id: string): string {
  return formatKey("web-sessions", id);
}

function hashOf(secret: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(secret).digest());
}

function encode(stored: Stored): Uint8Array {
  return utf8(JSON.stringify(stored));
}

function decode({ value }: Item): Stored {
  return JSON.parse(new TextDecoder().decode(value)) as Stored;
}

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}

function noSession(): Fault {
  return new Fault("unproven", "this browser has no session", { hint: "log in again" });
}
