/**
 * A local port behind which a database is. Clients speak its protocol without TLS; keys and certificates stay on this side
 * of the port. Whoever is on this machine may connect while it is open, so it listens on the loopback only.
 */
import { splice } from "#api/tunnel/stream.ts";
import type { DatabaseRoute } from "#identity/identity.ts";
import type { ClusterAccess } from "../access.ts";
import { listen, type OpenForward } from "../ssh/forward.ts";

/** What a local end needs. */
export interface LocalEndOptions {
  readonly access: Pick<ClusterAccess, "dialDatabase">;
  readonly route: DatabaseRoute;
  /** Zero lets the system choose. */
  readonly port: number;
  /** Hears why a connection could not be made. */
  readonly onFailure: (error: unknown) => void;
}

/** Listens on the loopback. Throws as other local ports do when the port is taken. */
export function openLocalEnd({
  access,
  route,
  port,
  onFailure,
}: LocalEndOptions): Promise<OpenForward> {
  return listen({ host: "127.0.0.1", port }, async (socket) => {
    socket.setNoDelay(true);
    const stream = await access.dialDatabase(route).catch((error: unknown) => {
      onFailure(error);
      throw error;
    });
    await splice(socket, stream);
  });
}
