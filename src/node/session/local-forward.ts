/**
 * Connections from the client outwards (`ssh -L`, `-D`). The node itself dials, with its own rights in the network:
 * what it reaches, every login that may forward reaches.
 */
import { connect, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import { Fault } from "#base/fault.ts";
import type { Channel } from "#ssh/connection/channel.ts";
import type { TcpipChannel } from "#ssh/connection/forward.ts";

const connectTimeoutMs = 30_000;

/** Connects to where the client wants. Throws `unavailable`. */
export function dialTarget({ address, port }: Pick<TcpipChannel, "address" | "port">) {
  return new Promise<Socket>((resolve, reject) => {
    if (port < 1 || port > 65_535) {
      reject(new Fault("invalid", "the port to connect to is not a port"));
      return;
    }
    const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true });
    const fail = (cause?: unknown): void => {
      socket.destroy();
      reject(new Fault("unavailable", "the target does not accept the connection", { cause }));
    };
    socket.setTimeout(connectTimeoutMs, fail);
    socket.once("error", fail);
    socket.once("connect", () => {
      socket.setTimeout(0);
      socket.off("error", fail);
      socket.on("error", () => socket.destroy());
      resolve(socket);
    });
  });
}

/** Joins a socket and a channel until both directions have ended. `touch` is called for every chunk. */
export async function joinSocket(
  socket: Socket,
  channel: Channel,
  touch: () => void,
): Promise<void> {
  socket.on("data", touch);
  channel.on("data", touch);
  try {
    await Promise.all([pipeline(socket, channel), pipeline(channel, socket)]);
    channel.close();
  } catch {
    // One side broke off; the other must not wait for it.
    socket.destroy();
    channel.close();
  }
}
