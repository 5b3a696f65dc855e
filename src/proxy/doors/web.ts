/** The door of browsers and of clients that have no certificate yet: HTTP/1.1 with bounds on time and size. */
import { createServer, type Server } from "node:http";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { getRequestListener } from "@hono/node-server";
import type { Connection } from "../front-door.ts";
import { ConnectionUpgrades, isUpgradePath } from "../upgrade/connection-upgrade.ts";
import { createWebApp } from "../web/app.ts";
import type { WebOptions } from "../web/context.ts";

const headersMs = 10_000;
const requestMs = 30_000;
const maxHeaderBytes = 16 * 1024;

/** What the door needs. */
export interface WebDoorOptions extends WebOptions {
  /** Takes a stream that a balancer carries, as if it had come to the port. */
  readonly acceptUpgraded: (stream: Duplex, remoteAddress: string) => void;
}

/** The HTTP server behind the door, and the function that takes connections. */
export function openWebDoor(options: WebDoorOptions): {
  readonly server: Server;
  readonly accept: (connection: Connection) => void;
} {
  const app = createWebApp(options);
  const listener = getRequestListener((request, bindings) => {
    const { socket } = (bindings as { incoming: { socket: { remoteAddress?: string } } }).incoming;
    const remoteAddress = (socket.remoteAddress ?? "").replace(/^::ffff:/, "");
    return app.fetch(request, { remoteAddress });
  });
  const upgraded = new WeakSet<object>();
  const server = createServer(
    {
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      maxHeaderSize: maxHeaderBytes,
      // A stream inside a stream inside a stream serves nobody: one upgrade per connection.
      shouldUpgradeCallback: (request) => isUpgradePath(request) && !upgraded.has(request.socket),
    },
    (request, response) => void listener(request, response),
  );
  const upgrades = new ConnectionUpgrades((stream, outer) => {
    const { remoteAddress = "" } = outer as TLSSocket;
    options.acceptUpgraded(stream, remoteAddress);
  });
  server.on("upgrade", (request, socket, head) => upgrades.handle(request, socket, head));
  // A server that never listens does not enforce its time-outs unless it believes that it does.
  server.emit("listening");
  return {
    server,
    accept: (connection) => {
      if (connection.upgraded) upgraded.add(connection.socket);
      server.emit("connection", connection.socket);
    },
  };
}
