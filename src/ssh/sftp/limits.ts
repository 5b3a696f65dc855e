/**
 * How much data one request may carry. Every server takes 32 KiB (draft-ietf-secsh-filexfer-02 section 3 demands packets of
 * 34000 bytes); one that knows `limits@openssh.com` (OpenSSH PROTOCOL section 4.8) says how much more.
 */
import { Reader } from "../wire.ts";
import { limits } from "./messages.ts";

/** Bytes of file content in one request. */
export interface TransferSizes {
  readonly read: number;
  readonly write: number;
}

/** The most that we ask for: with its header it stays below the 256 KiB that a packet may have. */
export const largestTransfer = 255 * 1024;
/** What any server takes: with its header it fills one channel packet of 32 KiB. */
const anyServer = 32_768 - 512;
/** What a packet needs beside the content. */
const overhead = 1024;

export const defaultSizes: TransferSizes = { read: anyServer, write: anyServer };

/** The name of the extension, and of its request. */
export const limitsExtension = "limits@openssh.com";

/** True when the extensions that a server tells with its version have the limits. Throws `malformed`. */
export function offersLimits(extensions: Uint8Array): boolean {
  const reader = new Reader(extensions);
  let found = false;
  while (reader.left > 0) {
    const name = Buffer.from(reader.string()).toString("latin1");
    reader.string();
    found ||= name === limitsExtension;
  }
  return found;
}

/** The sizes for what a server answers. Zero is no answer, and less than any server takes is not believed. */
export function sizesOf(answer: Uint8Array): TransferSizes {
  const { packet, read, write } = limits.decode(answer);
  const size = (limit: bigint): number => {
    const within =
      packet > 0n && packet - BigInt(overhead) < limit ? packet - BigInt(overhead) : limit;
    if (within <= BigInt(anyServer)) return anyServer;
    return within < BigInt(largestTransfer) ? Number(within) : largestTransfer;
  };
  return { read: size(read), write: size(write) };
}
