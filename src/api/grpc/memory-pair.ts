/**
 * Two ends of an in-memory connection: how services of one process reach each other without a port. The end of
 * one is the input of the other, with back-pressure.
 */
import { type Duplex, duplexPair } from "node:stream";
import { GrpcClient, type GrpcClientOptions } from "./client.ts";
import type { GrpcServer } from "./server.ts";

/** A client of `server` inside this process; the server sees `peer`. */
export function connectInMemory<Peer>(
  server: GrpcServer<Peer>,
  peer: Peer,
  options?: GrpcClientOptions,
): GrpcClient {
  return new GrpcClient(async () => {
    const [ours, theirs] = openPair();
    server.accept(theirs, peer);
    return ours;
  }, options);
}

/** A connected pair of streams. */
export function openPair(): [Duplex, Duplex] {
  const [a, b] = duplexPair();
  // An end that is destroyed early must end the other one, as a socket's does.
  a.once("close", () => isWhole(a) || b.destroy());
  b.once("close", () => isWhole(b) || a.destroy());
  return [a, b];
}

function isWhole(end: Duplex): boolean {
  return end.readableEnded && end.writableFinished;
}
