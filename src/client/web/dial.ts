/** The TLS connection to a proxy's web address: judged before the first byte goes out. */
import { isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { Fault } from "#base/fault.ts";
import { joinAddress } from "../profile/names.ts";
import { judgeWebCertificate, type WebTrust, type WebVerdict } from "./trust.ts";

const connectTimeoutMs = 10_000;

/** Where the proxy is and what vouches for its certificate. */
export interface WebOptions {
  readonly host: string;
  readonly port: number;
  readonly trust: WebTrust;
  /** Certificate authorities in PEM that replace Node's list. */
  readonly roots?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** What the client shows of itself, PEM; nothing for pages and logins. */
  readonly identity?: { readonly certificate: string; readonly key: string };
}

/** A connection, and how its certificate was accepted. */
export interface WebConnection {
  readonly socket: TLSSocket;
  readonly verdict: WebVerdict;
}

/** The fault of a proxy that says nothing. */
export function silentProxy(address: string): Fault {
  return new Fault("timeout", `${address} does not answer`, {
    hint: "check the address, and that a firewall lets this port through",
  });
}

/** Connects and offers one protocol. Throws what the network or TLS says, or the judgement on the certificate. */
export function dialWeb(options: WebOptions, protocol = "http/1.1"): Promise<WebConnection> {
  const { host, port, trust, roots, signal, identity } = options;
  const address = joinAddress(host, port);
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ALPNProtocols: [protocol],
      // Judged below, before anything is sent.
      rejectUnauthorized: false,
      ...(roots === undefined ? {} : { ca: [...roots] }),
      ...(identity && { cert: identity.certificate, key: identity.key }),
    });
    const abort = () => socket.destroy(new Fault("canceled", "canceled"));
    signal?.addEventListener("abort", abort, { once: true });
    socket.setNoDelay(true);
    socket.setTimeout(connectTimeoutMs, () => socket.destroy(silentProxy(address)));
    socket.once("error", reject);
    socket.once("close", () => {
      signal?.removeEventListener("abort", abort);
      reject(new Fault("unavailable", `${address} closed the connection`));
    });
    socket.once("secureConnect", () => {
      socket.setTimeout(0);
      try {
        resolve({ socket, verdict: judgeWebCertificate(socket, trust, address) });
      } catch (error) {
        socket.destroy();
        reject(error);
      }
    });
  });
}
