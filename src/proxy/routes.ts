/**
 * Where a connection to the one public port goes: decided from the ClientHello alone, that is from the server name
 * (SNI) and the protocols that the client offers (ALPN, RFC 7301), in the order of the table below.
 *
 * Pure. Certificates and sockets are the front door's business.
 */

import { tunnelProtocol } from "#api/tunnel/opening.ts";
import { agentProtocol } from "#api/tunnel/stream.ts";

/** The doors behind the port. */
export type Door =
  | "auth"
  | "transport"
  | "tunnel"
  | "agent"
  | "probe"
  | "database"
  | "web"
  | "kube";

/** What the ClientHello led to: the door, the protocol to select, and which certificate to present. */
export interface Route {
  readonly door: Door;
  readonly protocol: string;
  /** `host`: the proxy's certificate of the host authority; `web`: the certificate for browsers. */
  readonly certificate: "host" | "web";
}

/** The ALPN names of our own protocols and of the public API. */
const protocols = {
  transport: "teleport-proxy-ssh-grpc",
  probe: "teleport-reversetunnel",
  authPrefix: "teleport-auth@",
  /** A raw byte stream to a node, for our own clients. */
  tunnel: tunnelProtocol,
  /** An agent that dials in and waits for streams. */
  agent: agentProtocol,
} as const;

/** Protocols of databases, and the same with signs of life in between. */
const databaseProtocol = /^teleport-(?:postgres|mysql|redis)(?:-ping)?$/;

const authSuffix = ".teleport.cluster.local";
const authName = "teleport.cluster.local";
const kubePrefix = "kube-teleport-proxy-alpn.";

/** True for the server names under which clients look for the auth service. */
export function isAuthServerName(serverName: string): boolean {
  if (serverName.startsWith(kubePrefix)) return false;
  return serverName === authName || serverName.endsWith(authSuffix);
}

/** The certificate to present for a server name; protocols cannot change it, because SNI is read apart from ALPN. */
export function certificateFor(serverName: string): "host" | "web" {
  return isAuthServerName(serverName) || serverName.startsWith(kubePrefix) ? "host" : "web";
}

/**
 * The route of a connection, or undefined when nothing that the client offers is served here.
 * `offered` is empty when the client sends no ALPN at all, which means HTTP/1.1.
 */
export function routeOf(serverName: string, offered: readonly string[]): Route | undefined {
  const certificate = certificateFor(serverName);
  const http =
    offered.length === 0 ? "http/1.1" : ["h2", "http/1.1"].find((p) => offered.includes(p));
  if (serverName.startsWith(kubePrefix)) {
    return http ? { door: "kube", protocol: http, certificate } : undefined;
  }
  if (offered.some((protocol) => protocol.startsWith(protocols.authPrefix))) {
    return http ? { door: "auth", protocol: http, certificate } : undefined;
  }
  const own = [
    ["transport", protocols.transport],
    ["tunnel", protocols.tunnel],
    ["agent", protocols.agent],
    ["probe", protocols.probe],
  ] as const;
  for (const [door, protocol] of own) {
    if (offered.includes(protocol)) return { door, protocol, certificate };
  }
  const database = offered.find((protocol) => databaseProtocol.test(protocol));
  if (database !== undefined) return { door: "database", protocol: database, certificate };
  if (isAuthServerName(serverName)) {
    return http ? { door: "auth", protocol: http, certificate } : undefined;
  }
  // A browser must get HTTP/1.1 even if it prefers h2: its WebSockets need it.
  const web = offered.length === 0 || offered.includes("http/1.1") ? "http/1.1" : http;
  return web ? { door: "web", protocol: web, certificate } : undefined;
}
