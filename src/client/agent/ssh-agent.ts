/**
 * The OpenSSH agent protocol (draft-ietf-sshm-ssh-agent), read-only: list identities and sign for SSH user
 * authentication with their certificates. Adding, removing, locking and extensions are answered with failure, as the draft allows.
 *
 * With it, `ssh`, `scp` and `rsync` use the in-memory key of the authenticated device through `IdentityAgent`.
 */
import type { Duplex } from "node:stream";
import { sameBytes } from "#base/bytes.ts";
import { isFault } from "#base/fault.ts";
import { findAlgorithm } from "#ssh/algorithms.ts";
import { blobTypeOf } from "#ssh/public-key.ts";
import { Reader, Writer } from "#ssh/wire.ts";
import { isUserAuthRequest } from "./user-auth.ts";

/** One identity that the agent offers. */
export interface AgentIdentity {
  readonly certificate: Uint8Array;
  /** The plain key blob. OpenSSH asks with it when the certificate comes from a file (`CertificateFile`). */
  readonly publicKey: Uint8Array;
  readonly comment: string;
}

/** Where identities and signatures come from. */
export interface SshAgentKeys {
  identities(): Promise<readonly AgentIdentity[]>;
  /** A signature blob by the key of this certificate. */
  sign(certificate: Uint8Array, data: Uint8Array, algorithm: string): Promise<Uint8Array>;
}

const requestIdentities = 11;
const identitiesAnswer = 12;
const signRequest = 13;
const signResponse = 14;
const failure = Uint8Array.of(5);

const rsaSha256Flag = 2;
const rsaSha512Flag = 4;

/** OpenSSH's own bound (AGENT_MAX_LEN). */
const largestMessage = 256 * 1024;

/** Serves one connection until the peer ends it; bytes that are no message end it too. */
export function serveSshAgent(stream: Duplex, keys: SshAgentKeys): void {
  let pending: Uint8Array = new Uint8Array(0);
  let busy = Promise.resolve();
  stream.on("error", () => stream.destroy());
  stream.on("end", () => stream.end());
  stream.on("data", (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 4) {
      const length = new DataView(pending.buffer, pending.byteOffset).getUint32(0);
      if (length === 0 || length > largestMessage) {
        stream.destroy();
        return;
      }
      if (pending.length < 4 + length) break;
      const message = pending.slice(4, 4 + length);
      pending = pending.subarray(4 + length);
      // Answers keep the order of the questions.
      busy = busy.then(async () => {
        const answer = await answerMessage(message, keys);
        if (!stream.destroyed) stream.write(new Writer().string(answer).done());
      });
    }
  });
}

/** Answers one message; never throws. */
export async function answerMessage(message: Uint8Array, keys: SshAgentKeys): Promise<Uint8Array> {
  try {
    const reader = new Reader(message);
    const type = reader.byte();
    if (type === requestIdentities) {
      reader.end();
      return await listIdentities(keys);
    }
    if (type !== signRequest) return failure;
    const blob = reader.string();
    const data = reader.string();
    const flags = reader.uint32();
    reader.end();
    const algorithm = algorithmFor(blobTypeOf(blob), flags);
    const identity = await findIdentity(keys, blob);
    if (algorithm === undefined || identity === undefined) return failure;
    if (!isUserAuthRequest(data, identity.certificate)) return failure;
    const signature = await keys.sign(identity.certificate, data, algorithm);
    return new Writer().byte(signResponse).string(signature).done();
  } catch (error) {
    // The protocol has one answer for everything that went wrong; a bug of ours must still surface.
    if (isFault(error)) return failure;
    throw error;
  }
}

/** Certificates first: offered alone, a plain key opens nothing. */
async function listIdentities(keys: SshAgentKeys): Promise<Uint8Array> {
  const identities = await keys.identities();
  const writer = new Writer(4096).byte(identitiesAnswer).uint32(2 * identities.length);
  for (const { certificate, comment } of identities) writer.string(certificate).string(comment);
  for (const { publicKey, comment } of identities) writer.string(publicKey).string(comment);
  return writer.done();
}

async function findIdentity(
  keys: SshAgentKeys,
  blob: Uint8Array,
): Promise<AgentIdentity | undefined> {
  const identities = await keys.identities();
  return identities.find(
    ({ certificate, publicKey }) => sameBytes(certificate, blob) || sameBytes(publicKey, blob),
  );
}

/** The plain algorithm to sign with: the key's own, and for RSA what the flags ask for, never SHA-1. */
function algorithmFor(blobType: string, flags: number): string | undefined {
  if (!blobType.startsWith("ssh-rsa")) return findAlgorithm(blobType)?.signature;
  if ((flags & rsaSha512Flag) !== 0) return "rsa-sha2-512";
  return (flags & rsaSha256Flag) === 0 ? undefined : "rsa-sha2-256";
}
