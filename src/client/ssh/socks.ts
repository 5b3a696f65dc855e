/** The server's side of SOCKS5 (RFC 1928): no authentication, CONNECT only. For `-D` on a loopback port. */
import type { Duplex } from "node:stream";
import { readBytes } from "#api/tunnel/frame.ts";
import { Fault } from "#base/fault.ts";

/** A request that was understood. */
export interface SocksRequest {
  readonly target: { readonly host: string; readonly port: number };
  /** Tells the program whether the connection stands. */
  answer(success: boolean): void;
}

const version = 5;
const noAuthentication = 0;
const connectCommand = 1;
const addressTypes = { ipv4: 1, name: 3, ipv6: 4 } as const;

/** Reads greeting and request. Throws `malformed` or `unimplemented` for anything else than CONNECT. */
export async function acceptSocks(stream: Duplex): Promise<SocksRequest> {
  const [greeting, count] = await readBytes(stream, 2);
  if (greeting !== version || count === undefined) throw notSocks();
  const methods = await readBytes(stream, count);
  if (!methods.includes(noAuthentication)) {
    stream.end(Uint8Array.of(version, 0xff));
    throw new Fault("unimplemented", "the program wants to authenticate to the SOCKS proxy");
  }
  stream.write(Uint8Array.of(version, noAuthentication));
  const [again, command, , type] = await readBytes(stream, 4);
  if (again !== version) throw notSocks();
  const host = await readAddress(stream, type);
  const port = (await readBytes(stream, 2)).readUInt16BE();
  const answer = (success: boolean) => reply(stream, success ? 0 : 5);
  if (command !== connectCommand) {
    reply(stream, 7);
    throw new Fault("unimplemented", "the SOCKS proxy only connects");
  }
  return { target: { host, port }, answer };
}

async function readAddress(stream: Duplex, type: number | undefined): Promise<string> {
  if (type === addressTypes.ipv4) return (await readBytes(stream, 4)).join(".");
  if (type === addressTypes.ipv6) {
    const bytes = await readBytes(stream, 16);
    return Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16)).join(":");
  }
  if (type !== addressTypes.name) throw notSocks();
  const [length = 0] = await readBytes(stream, 1);
  return (await readBytes(stream, length)).toString("latin1");
}

function reply(stream: Duplex, code: number): void {
  stream.write(Uint8Array.of(version, code, 0, addressTypes.ipv4, 0, 0, 0, 0, 0, 0));
}

function notSocks(): Fault {
  return new Fault("malformed", "the program does not speak SOCKS5");
}
