/** Messages of the connection protocol (RFC 4254) and the payloads of requests and channel types that we know. */
import { boolean, layout, message, rest, string, text, uint32 } from "../layout.ts";

/** RFC 4254 section 4. */
export const globalRequest = message(80, { name: text, wantReply: boolean, payload: rest });
export const requestSuccess = message(81, { payload: rest });
export const requestFailure = message(82, {});

/** RFC 4254 section 5.1. */
export const channelOpen = message(90, {
  type: text,
  sender: uint32,
  window: uint32,
  maxPacket: uint32,
  payload: rest,
});
export const channelOpenConfirmation = message(91, {
  recipient: uint32,
  sender: uint32,
  window: uint32,
  maxPacket: uint32,
  payload: rest,
});
export const channelOpenFailure = message(92, {
  recipient: uint32,
  reason: uint32,
  description: text,
  language: text,
});

/** RFC 4254 section 5.2. */
export const channelWindowAdjust = message(93, { recipient: uint32, bytes: uint32 });
export const channelData = message(94, { recipient: uint32, data: string });
export const channelExtendedData = message(95, { recipient: uint32, type: uint32, data: string });

/** What stands before the bytes of {@link channelData}, so that sending needs no copy of them. */
export const channelDataHead = message(94, { recipient: uint32, length: uint32 });
export const channelExtendedDataHead = message(95, {
  recipient: uint32,
  type: uint32,
  length: uint32,
});

/** RFC 4254 section 5.3. */
export const channelEof = message(96, { recipient: uint32 });
export const channelClose = message(97, { recipient: uint32 });

/** RFC 4254 section 5.4. */
export const channelRequest = message(98, {
  recipient: uint32,
  name: text,
  wantReply: boolean,
  payload: rest,
});
export const channelSuccess = message(99, { recipient: uint32 });
export const channelFailure = message(100, { recipient: uint32 });

/** RFC 4254 section 6.2. `modes` is the encoding of section 8. */
export const ptyRequest = layout({
  term: text,
  columns: uint32,
  rows: uint32,
  pixelWidth: uint32,
  pixelHeight: uint32,
  modes: string,
});

/** RFC 4254 section 6.4. */
export const envRequest = layout({ name: text, value: text });

/** RFC 4254 section 6.5. */
export const execRequest = layout({ command: text });
export const subsystemRequest = layout({ name: text });

/** RFC 4254 section 6.7. */
export const windowChange = layout({
  columns: uint32,
  rows: uint32,
  pixelWidth: uint32,
  pixelHeight: uint32,
});

/** RFC 4254 section 6.9. The name has no "SIG". */
export const signalRequest = layout({ name: text });

/** RFC 4254 section 6.10. */
export const exitStatus = layout({ status: uint32 });
export const exitSignal = layout({
  name: text,
  coreDumped: boolean,
  message: text,
  language: text,
});

/** RFC 4254 section 7.1: `tcpip-forward` and `cancel-tcpip-forward`. */
export const forwardRequest = layout({ address: text, port: uint32 });

/** RFC 4254 section 7.1: the answer when port 0 was asked for. */
export const forwardedPort = layout({ port: uint32 });

/** RFC 4254 section 7.2: `direct-tcpip` and `forwarded-tcpip`. */
export const tcpipChannel = layout({
  address: text,
  port: uint32,
  originAddress: text,
  originPort: uint32,
});

/** A request or channel type without a payload. */
export const empty = layout({});
