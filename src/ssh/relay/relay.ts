/**
 * Lends a connection to another process of the same user: its messages go there and back in the open, over a byte stream
 * that only the two can read. The keys stay here, and so does all that the transport does by itself.
 */
import type { Duplex } from "node:stream";
import { Fault, isFault } from "#base/fault.ts";
import { Connection } from "../connection/connection.ts";
import type { MessageTransport } from "../connection/message-transport.ts";
import { MessageStream } from "./message-stream.ts";

/** Relays until either end closes; then both are closed. Each end waits for the other when that is slow. */
export function relayMessages(transport: MessageTransport, socket: Duplex): void {
  const stream = new MessageStream(socket, {
    message(number, payload) {
      if (!Connection.understands(number)) {
        throw new Fault("malformed", `message ${number} is not part of a connection`);
      }
      transport.send(payload);
      if (!transport.writable) stream.hold();
    },
    drained: () => transport.release(),
    ended(fault) {
      if (isFault(fault, "canceled", "unavailable")) transport.close();
      else transport.fail(fault);
    },
  });
  transport.deliverTo({
    message(number, payload) {
      if (!Connection.understands(number)) {
        transport.sendUnimplemented();
        return;
      }
      stream.write(payload);
      if (!stream.writable) transport.hold();
    },
    writable: () => stream.release(),
    closed: (fault) => stream.close(fault),
  });
}
