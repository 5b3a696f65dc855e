/** The door of browsers and of clients that have no certificate yet: HTTP/1.1 with bounds on time and size. */
import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";
import type { Connection } from "../front-door.ts";
import { createWebApp } from "../web/app.ts";
import type { WebOptions } from "../web/context.ts";

const headersMs = 10_000;
const requestMs = 30_000;
const maxHeaderBytes = 16 * 1024;

/** The HTTP server behind the door, and the function that takes connections. */
export function openWebDoor(options: WebOptions): {
  readonly server: Server;
  readonly accept: (connection: Connection) => void;
} {
  const app = createWebApp(options);
  const listener = getRequestListener((request, bindings) => {
    const { socket } = (bindings as { incoming: { socket: { remoteAddress?: string } } }).incoming;
    const remoteAddress = (socket.remoteAddress ?? "").replace(/^::ffff:/, "");
    return app.fetch(request, { remoteAddress });
  });
  const server = createServer(
    { headersTimeout: headersMs, requestTimeout: requestMs, maxHeaderSize: maxHeaderBytes },
    (request, response) => void listener(request, response),
  );
  // A server that never listens does not enforce its time-outs unless it believes that it does.
  server.emit("listening");
  return { server, accept: ({ socket }) => void server.emit("connection", socket) };
}
