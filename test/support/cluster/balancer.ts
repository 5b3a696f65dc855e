/**
 * A layer 7 balancer in front of a cluster: it ends TLS with a certificate of its own, speaks HTTP/1.1 and nothing else,
 * and passes WebSockets. Server names and protocols of the inner TLS never reach it in the open.
 */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { createServer, request, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { systemClock } from "#base/clock.ts";
import { systemRandom } from "#base/random.ts";
import { makeSelfSigned } from "../self-signed.ts";

/** A running balancer. */
export interface Balancer {
  readonly port: number;
  /** How many connection upgrades it passed. */
  readonly upgrades: () => number;
  close(): void;
}

/** Starts one in front of the proxy at `target`, a port of this machine. The proxy's own address is replaced by its own. */
export async function startBalancer(target: number): Promise<Balancer> {
  const { certificate, privateKey } = makeSelfSigned("localhost", systemClock, systemRandom);
  let upgrades = 0;
  const server: Server = createServer({
    cert: certificate,
    key: privateKey,
    ALPNProtocols: ["http/1.1"],
  });
  const ask = ({ method, url, headers }: IncomingMessage) =>
    request({
      host: "127.0.0.1",
      port: target,
      path: url,
      method,
      headers,
      rejectUnauthorized: false,
    });
  server.on("request", (incoming, answer) => {
    const asked = ask(incoming);
    incoming.pipe(asked);
    asked.once("error", () => answer.destroy());
    asked.once("response", (received) => {
      let text = "";
      received.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      received.once("end", () => {
        const { "content-length": _, "transfer-encoding": __, ...headers } = received.headers;
        answer.writeHead(received.statusCode ?? 502, headers);
        answer.end(text.replaceAll(`localhost:${target}`, `localhost:${portOf(server)}`));
      });
    });
  });
  server.on("upgrade", (incoming, socket, head) => {
    const asked = ask(incoming);
    asked.end();
    socket.once("error", () => socket.destroy());
    asked.once("error", () => socket.destroy());
    asked.once("upgrade", (received: IncomingMessage, upstream, first) => {
      upgrades++;
      const lines = Object.entries(received.headers).map(([name, value]) => `${name}: ${value}`);
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("\r\n")}\r\n\r\n`);
      socket.write(first);
      upstream.write(head);
      upstream.once("error", () => upstream.destroy());
      upstream.pipe(socket).pipe(upstream);
      upstream.once("close", () => socket.destroy());
      socket.once("close", () => upstream.destroy());
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: portOf(server),
    upgrades: () => upgrades,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
