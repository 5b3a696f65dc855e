/**
 * TLS connections to the cluster through the proxy's one port: the protocol is chosen by ALPN, the server proves
 * itself with the cluster's host authority (never the web's authorities), and the client with its identity.
 */

import type { Duplex } from "node:stream";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { tunnelProtocol } from "#api/tunnel/opening.ts";
import { Fault } from "#base/fault.ts";
import { errorCode } from "../profile/files.ts";
import type { StoredLogin } from "../profile/logins.ts";
import { joinAddress, splitAddress } from "../profile/names.ts";
import { readTlsAuthorities } from "../profile/trust.ts";
import type { ClientIdentity } from "./identity.ts";

/** Where a cluster is and who vouches for it. */
export interface ClusterAddress {
  readonly host: string;
  readonly port: number;
  readonly cluster: string;
  /** Host authority certificates in PEM. */
  readonly roots: readonly string[];
  /** The name that the proxy proves, where it is not that of the cluster. */
  readonly serverName?: string;
  /** A balancer in between ends TLS; the profile folder says whom to trust there. */
  readonly balanced?: { readonly folder: string };
}

/** Protocol of the transport service of the public API. */
export const transportProtocol = "teleport-proxy-ssh-grpc";

const timeoutMs = 15_000;

/** The address of a login's cluster. */
export function addressOf(login: StoredLogin): ClusterAddress {
  const { host, port } = splitAddress(login.document.webProxyAddr);
  const roots = readTlsAuthorities(login.folder, login.key);
  const { connectionUpgrade } = login.document;
  return {
    host,
    port: port ?? 443,
    cluster: login.key.cluster,
    roots,
    ...(connectionUpgrade ? { balanced: { folder: login.folder } } : {}),
  };
}

/** ALPN names under which the auth service of a cluster is found behind the proxy. */
export function authProtocols(cluster: string): string[] {
  return [`teleport-auth@${serverName(cluster)}`, "h2"];
}

/**
 * Connects with mutual TLS. Throws `unavailable` or `timeout` when the proxy cannot be reached, `unproven` when it
 * is not the cluster's, `unimplemented` when it does not speak any of the protocols.
 */
export async function dialCluster(
  address: ClusterAddress,
  protocols: readonly string[],
  identity: ClientIdentity["tls"],
  signal?: AbortSignal,
): Promise<TLSSocket> {
  if (address.balanced === undefined) return dialTls(address, protocols, identity, { signal });
  // Loaded late: few are behind a balancer.
  const { dialUpgraded } = await import("./upgrade.ts");
  const stream = await dialUpgraded(address, address.balanced.folder, signal);
  return dialTls(address, protocols, identity, { signal, stream });
}

/** TLS on a stream, or on a connection of its own. */
function dialTls(
  address: ClusterAddress,
  protocols: readonly string[],
  identity: ClientIdentity["tls"],
  { signal, stream }: { readonly signal: AbortSignal | undefined; readonly stream?: Duplex },
): Promise<TLSSocket> {
  const where = joinAddress(address.host, address.port);
  return new Promise((resolve, reject) => {
    let socket: TLSSocket;
    // The types know allowHalfOpen for other sockets only. A raw stream's directions end one after the other; an HTTP/2
    // connection that the server ended must be seen as gone, or the next call would still be sent into it.
    const options: ConnectionOptions & { allowHalfOpen: boolean } = {
      ...(stream ? { socket: stream } : { host: address.host, port: address.port }),
      servername: address.serverName ?? serverName(address.cluster),
      ALPNProtocols: [...protocols],
      ca: [...address.roots],
      cert: identity.certificate,
      key: identity.key,
      minVersion: "TLSv1.2",
      allowHalfOpen: protocols.includes(tunnelProtocol),
    };
    try {
      socket = connect(options);
    } catch (cause) {
      throw new Fault("malformed", "the keys of the profile cannot be used", {
        hint: "log in again with: tsh login",
        cause,
      });
    }
    const abort = () => socket.destroy(new Fault("canceled", "canceled"));
    const late = () =>
      socket.destroy(new Fault("timeout", `the proxy at ${where} does not answer`));
    signal?.addEventListener("abort", abort, { once: true });
    socket.setNoDelay(true);
    socket.setTimeout(timeoutMs, late);
    let reached = false;
    socket.once("connect", () => {
      reached = true;
    });
    // A proxy of another make hangs up on a protocol that it does not know, where RFC 7301 section 3.2 has an alert.
    const hangsUp = () => reached && protocols[0] === tunnelProtocol;
    socket.once("error", (error) => {
      const unknown = errorCode(error) === "ECONNRESET" && hangsUp();
      reject(unknown ? unspoken(where) : explain(error, where, address.cluster));
    });
    const closed = () =>
      reject(
        hangsUp()
          ? unspoken(where)
          : new Fault("unavailable", `the proxy at ${where} closed the connection`),
      );
    socket.once("close", closed);
    if (stream) socket.once("close", () => stream.destroy());
    socket.once("close", () => signal?.removeEventListener("abort", abort));
    socket.once("secureConnect", () => {
      socket.setTimeout(0);
      socket.off("close", closed);
      // The proxies of 17.0.0-dev select no name for the transport service, and mean it.
      const named = typeof socket.alpnProtocol === "string";
      if (!named && protocols[0] !== transportProtocol) {
        socket.destroy();
        reject(unspoken(where));
        return;
      }
      // Whoever takes over listens for errors; until then one must not end the process.
      socket.on("error", () => {});
      resolve(socket);
    });
  });
}

/** `<hex of the cluster name>.teleport.cluster.local`: how the proxy tells clusters apart. */
function serverName(cluster: string): string {
  return `${Buffer.from(cluster, "utf8").toString("hex")}.teleport.cluster.local`;
}

function explain(error: Error, where: string, cluster: string): Fault {
  if (error instanceof Fault) return error;
  const code = errorCode(error) ?? "";
  if (code.includes("NO_APPLICATION_PROTOCOL")) return unspoken(where);
  if (/ALERT|SSLV3/u.test(code)) {
    return new Fault("unproven", "the proxy does not accept this login", {
      hint: "log in again with: tsh login",
      cause: error,
    });
  }
  if (/CERT|SIGNED|ISSUER|SIGNATURE|ALTNAME|CA_/u.test(code)) {
    return new Fault("unproven", `the proxy at ${where} is not that of ${cluster}`, {
      hint: "if the cluster was set up anew, log in again: tsh logout; tsh login",
      cause: error,
    });
  }
  return new Fault("unavailable", `cannot reach the proxy at ${where}`, {
    hint: "check that the proxy is running and the network is up",
    cause: error,
  });
}

function unspoken(where: string): Fault {
  return new Fault("unimplemented", `the proxy at ${where} does not speak this protocol`);
}
