/**
 * Recordings of official clients against our server: what a client sent, as bytes, and the shape of what it was answered.
 * One file per command, played in the order of their names. `interop/record` makes them, `replay.ts` plays them.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where they are. */
export const recordingsFolder = fileURLToPath(new URL("../../vectors/recordings", import.meta.url));

/** JSON as it stands in a file. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

/** The server's own choices in an answer that later requests repeat: path in the answer to the value of then. */
export type Learned = Readonly<Record<string, string>>;

/** A request over HTTP/1.1 and the shape of its answer. */
export interface HttpExchange {
  readonly kind: "http";
  /** The web, or the older JSON API of auth, which takes the client's certificate. */
  readonly door: "web" | "auth";
  readonly method: string;
  readonly path: string;
  /** Secrets and keys stand as «password», «code», «public key». */
  readonly request?: Json;
  readonly status: number;
  readonly answer: Json;
}

/** A message of a call: from the client its bytes in base64, from the server its shape. */
export type CallMessage =
  | { readonly from: "client"; readonly bytes: string }
  | { readonly from: "server"; readonly shape: Json; readonly learned?: Learned };

/** A gRPC call. */
export interface CallExchange {
  readonly kind: "grpc";
  /** Behind which door of the proxy. */
  readonly door: "auth" | "transport";
  readonly method: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly messages: readonly CallMessage[];
  /** The status; undefined where only the beginning of a ceremony was recorded. */
  readonly status?: number;
  /** Shape of the sentence of the status. */
  readonly text?: string;
}

/** The beginning of a ProxySSH stream: target, details, and both version lines. The rest is encrypted by SSH. */
export interface SshExchange {
  readonly kind: "ssh";
  readonly metadata: Readonly<Record<string, string>>;
  /** The client's messages until it has sent its version line, in base64. */
  readonly client: readonly string[];
  /** The first answer, in base64. */
  readonly details: string;
  /** The server's version line, with its version masked. */
  readonly banner: string;
}

/** Anything that was recorded. */
export type Exchange = HttpExchange | CallExchange | SshExchange;

/** What one command did. */
export interface Recording {
  readonly command: string;
  /** RFC 3339; times in requests move along with the time since then. */
  readonly at: string;
  readonly exchanges: readonly Exchange[];
}

/** Every recording, in order. */
export function readRecordings(folder = recordingsFolder): readonly Recording[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return names
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Recording);
}
