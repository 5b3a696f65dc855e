/** Addresses of forwarded connections (RFC 4254 section 7). */
import { forwardedPort, forwardRequest, tcpipChannel } from "../messages/connection.ts";
import type { Channel } from "./channel.ts";
import type { IncomingGlobalRequest } from "./connection.ts";

/** A connection through a channel: `direct-tcpip` (to it) or `forwarded-tcpip` (that came in there). */
export interface TcpipChannel {
  /** The host to connect to, or that was connected to. */
  readonly address: string;
  readonly port: number;
  /** Who connected, as the opener of the channel says. */
  readonly originAddress: string;
  readonly originPort: number;
}

/** Where a server is asked to listen. */
export interface ForwardAddress {
  /** "" is every address, "localhost" the loopback of both families (RFC 4254 section 7.1). */
  readonly address: string;
  /** 0 lets the server choose. */
  readonly port: number;
}

/** Serves one forwarded connection: connect first, then `accept`; a fault that is thrown refuses the channel. */
export type TcpipHandler = (channel: TcpipChannel, accept: () => Channel) => void | Promise<void>;

/** Listens, and stops listening, for a client. */
export interface ForwardHandler {
  /** Returns the port that is now open. A throw is refusal. */
  listen(where: ForwardAddress): number | Promise<number>;
  /** False if there is no such listener of this connection. */
  cancel(where: ForwardAddress): boolean | Promise<boolean>;
}

export const decodeTcpip = (payload: Uint8Array): TcpipChannel => tcpipChannel.decode(payload);

/** Answers `tcpip-forward` and `cancel-tcpip-forward`; undefined for other requests. */
export async function handleForward(
  handler: ForwardHandler,
  { name, payload }: IncomingGlobalRequest,
): Promise<Uint8Array | false | undefined> {
  if (name === "cancel-tcpip-forward") {
    return (await handler.cancel(forwardRequest.decode(payload))) ? new Uint8Array(0) : false;
  }
  if (name !== "tcpip-forward") return undefined;
  const where = forwardRequest.decode(payload);
  const port = await handler.listen(where);
  return where.port === 0 ? forwardedPort.encode({ port }) : new Uint8Array(0);
}
