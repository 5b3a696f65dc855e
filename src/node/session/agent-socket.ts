/**
 * Agent forwarding: a Unix socket that only the account can use, each connection of which becomes a channel to the
 * client's own agent. Its folder stays the node's own: an account that could change it could put a tree of links there,
 * for the node to follow with its own rights when it cleans up.
 */
import { chmod, chown, mkdtemp, rm, rmdir, unlink } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Fault } from "#base/fault.ts";
import type { Channel } from "#ssh/connection/channel.ts";
import type { Account } from "./account.ts";

/** A socket for one session. */
export interface AgentSocket {
  /** For SSH_AUTH_SOCK. */
  readonly path: string;
  close(): Promise<void>;
}

/** Connections to one agent at a time. */
const connectionLimit = 64;

/** The folder under which the sockets of one node lie. */
export class AgentSockets {
  #folder: Promise<string> | undefined;

  /** Opens a socket for programs of the account. Throws `environment` when that is not possible. */
  async open(account: Account, connect: () => Promise<Channel>): Promise<AgentSocket> {
    try {
      return await this.#open(account, connect);
    } catch (cause) {
      throw new Fault("environment", "the agent cannot be forwarded: no socket can be made", {
        cause,
      });
    }
  }

  async close(): Promise<void> {
    const folder = await this.#folder?.catch(() => undefined);
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }

  async #open({ uid, gid }: Account, connect: () => Promise<Channel>): Promise<AgentSocket> {
    this.#folder ??= makeFolder();
    const folder = await mkdtemp(join(await this.#folder, "agent-"));
    await chmod(folder, 0o711);
    const path = join(folder, "socket");
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => socket.destroy());
      connect()
        .then((channel) => Promise.all([pipeline(socket, channel), pipeline(channel, socket)]))
        .catch(() => socket.destroy());
    });
    server.maxConnections = connectionLimit;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
    await chmod(path, 0o600);
    if (process.getuid?.() === 0) await chown(path, uid, gid);
    return {
      path,
      close: async () => {
        server.close();
        await unlink(path).catch(() => {});
        await rmdir(folder).catch(() => {});
      },
    };
  }
}

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-agents-"));
  await chmod(folder, 0o711);
  return folder;
}
