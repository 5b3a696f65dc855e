/**
 * Sizes and times of the gRPC layer, in one place. The windows are those of RFC 9113 section 5.2:
 * with the 64 KiB default a stream over a link of 40 ms carries less than 1 MB/s.
 */

/** The longest message that is read or sent, in bytes: the default of the official clients. */
export const maxMessageBytes = 4 * 1024 * 1024;

/** Bytes that a peer may send on one stream before it must wait. */
export const streamWindowBytes = 8 * 1024 * 1024;

/** Bytes that a peer may send on one connection before it must wait. */
export const sessionWindowBytes = 2 * streamWindowBytes;

/** Unread bytes of all streams of one connection together, above which a message is refused. */
export const maxUnreadBytes = 64 * 1024 * 1024;

/** Calls that one connection may have open at the same time. */
export const maxConcurrentStreams = 1000;

/** Size of all headers of a call together. */
export const maxHeaderBytes = 64 * 1024;

/** How often an otherwise silent connection is probed, and how long the answer may take. */
export const keepAliveMs = 30_000;
export const keepAliveTimeoutMs = 15_000;

/** Megabytes that nghttp2 may hold for one connection (a Node option, not a protocol one). */
export const sessionMemoryMegabytes = 128;
