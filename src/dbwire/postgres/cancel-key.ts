/**
 * The keys by which clients of PostgreSQL end a query on a second connection. Ours are not those of the server: the first
 * half of the process id says which agent made one, so that a door in front of several agents finds it; the rest is
 * random.
 */
import { createHash } from "node:crypto";
import { sameBytes } from "#base/bytes.ts";
import type { Random } from "#base/random.ts";

const tagBytes = 2;
const keyBytes = 8;

/** Makes a key of the agent with this host id. */
export function newCancelKey(hostId: string, random: Random): Buffer {
  return Buffer.concat([tagOf(hostId), random(keyBytes - tagBytes)]);
}

/** True when an agent with this host id may have made the key. */
export function mayBeKeyOf(hostId: string, key: Uint8Array): boolean {
  return sameBytes(tagOf(hostId), key.subarray(0, tagBytes));
}

/** Process ids are positive numbers to some clients, so the first bit stays zero. */
function tagOf(hostId: string): Buffer {
  const tag = createHash("sha256").update(hostId).digest().subarray(0, tagBytes);
  tag.writeUInt8(tag.readUInt8(0) & 0x7f, 0);
  return tag;
}
