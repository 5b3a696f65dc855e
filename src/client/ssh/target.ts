/** What a person may write for a node: `[login@]host[:port]`, or `[login@]label=value,label=value`. */
import { Fault } from "#base/fault.ts";

/** A parsed target: a host by name, or nodes by their labels. */
export interface SshTarget {
  /** Undefined when the person named none. */
  readonly login: string | undefined;
  readonly host: string;
  /** Zero means the node's own. */
  readonly port: number;
  /** Set instead of `host` when nodes are selected. */
  readonly labels: Readonly<Record<string, string>> | undefined;
}

/** Parses a target. Throws `usage`. */
export function parseTarget(text: string): SshTarget {
  // A login may hold an "@" (a mail address); a host name may not.
  const at = text.lastIndexOf("@");
  const login = at < 0 ? undefined : text.slice(0, at);
  const place = text.slice(at + 1);
  if (login === "" || place === "" || /[\u0000-\u0020\u007f]/u.test(text)) throw notATarget(text);
  if (place.includes("=")) return { login, host: "", port: 0, labels: parseLabels(place) };
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/]+))(?::(\d{1,5}))?$/u.exec(place);
  const bare = /^[0-9a-fA-F:.]+$/u.test(place) && place.split(":").length > 2 ? place : undefined;
  const host = bare ?? match?.[1] ?? match?.[2];
  if (host === undefined || host.startsWith("-")) throw notATarget(text);
  return { login, host, port: parsePort(match?.[3] ?? "0"), labels: undefined };
}

/** Parses `k=v,k2=v2`. Values may be quoted when they hold a comma. Throws `usage`. */
export function parseLabels(text: string): Record<string, string> {
  const labels: [string, string][] = [];
  const pattern = /([^=,\s]+)=(?:"([^"]*)"|([^,]*))(?:,|$)/gy;
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    labels.push([match[1] ?? "", (match[2] ?? match[3] ?? "").trim()]);
    at = match.index + match[0].length;
  }
  if (at !== text.length || labels.length === 0) {
    throw new Fault("usage", `"${text}" is not a list of labels`, {
      hint: "write labels as in env=dev,team=a",
    });
  }
  return Object.fromEntries(labels);
}

/** Parses a port number; zero is allowed. Throws `usage`. */
export function parsePort(text: string): number {
  const port = /^\d{1,5}$/u.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new Fault("usage", `"${text}" is not a port`);
  return port;
}

function notATarget(text: string): Fault {
  return new Fault("usage", `"${text}" is not a node`, {
    hint: "write login@host, as in: tsh ssh root@node",
  });
}
