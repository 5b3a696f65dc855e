/** Encoded terminal modes of a pty request (RFC 4254 section 8). */
import { Reader, Writer } from "../wire.ts";

/** Values by opcode, such as 53 (ECHO). */
export type TerminalModes = ReadonlyMap<number, number>;

const end = 0;
/** Opcodes from here on have no argument of known length: reading stops, as the RFC wants. */
const firstUndefined = 160;

/** Decodes modes. Throws `malformed` if an argument is cut short. A missing end is accepted: clients send none for no modes. */
export function decodeTerminalModes(bytes: Uint8Array): TerminalModes {
  const reader = new Reader(bytes);
  const modes = new Map<number, number>();
  while (reader.left > 0) {
    const opcode = reader.byte();
    if (opcode === end || opcode >= firstUndefined) break;
    modes.set(opcode, reader.uint32());
  }
  return modes;
}

/** Encodes modes, with the end mark. */
export function encodeTerminalModes(modes: TerminalModes): Uint8Array {
  const writer = new Writer();
  for (const [opcode, value] of modes) writer.byte(opcode).uint32(value);
  return writer.byte(end).done();
}
