/** The door of our own clients: a raw byte stream to a server, without framing, after one opening message each way. */
import { parseOpening, readOpening, tunnelProtocol, writeOpening } from "#api/tunnel/opening.ts";
import { isFault } from "#base/fault.ts";
import type { Logger } from "#base/log.ts";
import { uuid } from "#base/random.ts";
import type { DenialLog } from "../denials.ts";
import type { Dialer } from "../dialer.ts";
import type { Connection } from "../front-door.ts";
import type { PeerCheck } from "./peers.ts";

/** What the door needs. */
export interface TunnelDoorOptions {
  readonly peers: PeerCheck;
  readonly denials: DenialLog;
  readonly dialer: Dialer;
  readonly clusterName: string;
  readonly logger: Logger;
}

const openingMs = 10_000;

/** The function that takes connections. */
export function openTunnelDoor(options: TunnelDoorOptions): (connection: Connection) => void {
  return (connection) => {
    serve(options, connection).catch((error: unknown) => {
      connection.socket.destroy();
      options.logger.debug("a tunnel failed", { error });
    });
  };
}

async function serve(
  { peers, denials, dialer, logger }: TunnelDoorOptions,
  connection: Connection,
): Promise<void> {
  const { socket } = connection;
  const late = setTimeout(() => socket.destroy(), openingMs);
  const peer = peers.identify(connection);
  try {
    const opening = parseOpening(await readOpening(socket));
    const user = peers.requireUser(peer);
    const join = await dialer.connectSsh(opening.target, peer.address);
    clearTimeout(late);
    const release = peers.hold(user, () => socket.destroy());
    writeOpening(socket, { ok: true });
    await join(socket).finally(release);
  } catch (error) {
    clearTimeout(late);
    if (!isFault(error)) {
      const reference = uuid();
      logger.error("a tunnel failed", { error, reference });
      writeOpening(socket, {
        ok: false,
        code: "internal",
        message: `internal error, reference ${reference}`,
      });
    } else {
      const { code, message } = error;
      const hint = await denials.explain(peer, tunnelProtocol, error);
      writeOpening(socket, { ok: false, code, message, ...(hint ? { hint } : {}) });
    }
    socket.end();
  }
}
