import type { WebSocket } from "ws";
import { pingMs } from "./ping-stream.ts";

/**
 * Sends signs of life, and ends the connection of a peer that answers none between two of them. While we do not read, or
 * while something of ours is still on its way, silence proves nothing: a slow peer is not a dead one.
 */
export function keepAlive(webSocket: WebSocket): void {
  let alive = true;
  const heard = () => {
    alive = true;
  };
  webSocket.on("pong", heard);
  webSocket.on("message", heard);
  const timer = setInterval(() => {
    if (webSocket.isPaused || webSocket.bufferedAmount > 0) alive = true;
    if (!alive) webSocket.terminate();
    else if (webSocket.bufferedAmount === 0) webSocket.ping();
    alive = false;
  }, pingMs).unref();
  webSocket.once("close", () => clearInterval(timer));
}
