/** Which registered server a person means by `host:port`. Pure; what is not registered is never dialed. */
import { Fault, isFault } from "#base/fault.ts";
import type { Node } from "#resource/node.ts";

/** A target as typed: port 0 and 3022 (what OpenSSH's configuration carries) stand for any port. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

const anyPorts: readonly number[] = [0, 3022];
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Splits `host:port`; an IPv6 address stands in brackets or has more than one colon and no port. Throws `invalid`. */
export function parseTarget(hostPort: string): Target {
  const match = /^(?:\[([^\]]+)\]|([^:]*))(?::(\d{1,5}))?$/.exec(hostPort);
  const host = match?.[1] ?? match?.[2] ?? (hostPort.split(":").length > 2 ? hostPort : "");
  const port = Number(match?.[3] ?? 0);
  if (host === "" || host.length > 255 || port > 65_535) {
    throw new Fault("invalid", `"${hostPort.slice(0, 300)}" is not a host and port`);
  }
  return { host, port };
}

/**
 * The one server that the target names: by id, else by host name, else by address. Throws `not-found` when there is
 * none, and a fault with the mark that clients look for when there are several.
 */
export function findTarget(
  nodes: Iterable<Node>,
  target: Target,
  options: { readonly caseInsensitive: boolean } = { caseInsensitive: false },
): Node {
  const matches = [...nodes].filter((node) => isMatch(node, target, options.caseInsensitive));
  const [only, second] = matches;
  if (!only) {
    throw new Fault("not-found", `no server named ${target.host} is registered`, {
      hint: "list the servers that you may reach with: tsh ls",
    });
  }
  if (second) {
    throw new Fault(
      "conflict",
      `err-node-is-ambiguous: ${matches.length} servers are named ${target.host}`,
      {
        hint: "use the id that `tsh ls --verbose` shows",
      },
    );
  }
  return only;
}

function isMatch(node: Node, target: Target, caseInsensitive: boolean): boolean {
  const { hostname, addr = "", public_addrs: publicAddresses = [] } = node.spec;
  if (uuidPattern.test(target.host)) return node.metadata.name === target.host.toLowerCase();
  const equal = (name: string) =>
    caseInsensitive ? name.toLowerCase() === target.host.toLowerCase() : name === target.host;
  const addresses = [addr, ...publicAddresses].flatMap(readAddress);
  if (equal(hostname)) {
    const fixed = node.spec.use_tunnel === true || anyPorts.includes(target.port);
    return fixed || addresses.some((address) => address.port === target.port);
  }
  return addresses.some(
    (address) =>
      equal(address.host) && (anyPorts.includes(target.port) || address.port === target.port),
  );
}

/** The address of a server; none when it cannot be read: one odd server must not hide all others. */
function readAddress(address: string): readonly Target[] {
  try {
    return [parseTarget(address)];
  } catch (error) {
    if (!isFault(error)) throw error;
    return [];
  }
}
