/**
 * Headers between a person and the API server. What goes on is a list of what may, never the rest of what came: the agent's
 * own credential may impersonate anybody, so a header too many is a way to be somebody else, and a header lost is the
 * agent itself. The lines that say who somebody is are therefore added last, and nothing that came can take them out:
 * `Connection`, which names headers to drop, is not passed on.
 */
import type { KubernetesPrincipal, PrincipalWish } from "#access/kubernetes-principals.ts";
import { Fault } from "#base/fault.ts";

/** Headers as pairs, in the order in which they came. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/**
 * What a request may carry on (lower case). Not its length: whoever may say where a body ends says where the next request
 * begins.
 */
const passedOn: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "content-encoding",
  "content-type",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "kubectl-command",
  "kubectl-session",
  "user-agent",
  "warning",
  "audit-id",
]);

/** What an upgrade carries besides. */
const ofUpgrades: ReadonlySet<string> = new Set([
  "sec-websocket-extensions",
  "sec-websocket-key",
  "sec-websocket-protocol",
  "sec-websocket-version",
  "x-stream-protocol-version",
]);

/** What an answer may not carry on: hop-by-hop headers (RFC 9110 section 7.6.1), and challenges meant for the agent. */
const ofOneHop: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "www-authenticate",
  "set-cookie",
  "http2-settings",
]);

const user = "impersonate-user";
const group = "impersonate-group";
const mostGroups = 100;
const longestName = 1024;

/** Whom a request asks to be. Throws `access-denied` for what no role can grant, `malformed` for what cannot be read. */
export function readWish(headers: HeaderList): PrincipalWish {
  const values = (name: string) => headers.filter(([n]) => n === name).map(([, value]) => value);
  const other = headers.find(
    ([name]) => name.startsWith("impersonate-") && name !== user && name !== group,
  );
  if (other !== undefined) {
    throw new Fault("access-denied", `impersonation by ${other[0]} is not allowed here`, {
      hint: "users and groups may be chosen: kubectl --as, --as-group",
      audit: { check: "allow-rules", rule: "allow.kubernetes_users" },
    });
  }
  const users = values(user);
  const groups = values(group);
  const all = [...users, ...groups];
  if (users.length > 1 || groups.length > mostGroups || all.some((v) => v.length > longestName)) {
    throw new Fault("malformed", "the impersonation headers cannot be read");
  }
  if (all.includes("")) throw new Fault("malformed", "an impersonation header is empty");
  return { user: users[0], groups };
}

/** What goes to the API server, the principal last. */
export function requestHeaders(
  headers: HeaderList,
  principal: KubernetesPrincipal,
  upgrade: string | undefined,
): HeaderList {
  const kept = headers
    .filter(([name]) => passedOn.has(name) || (upgrade !== undefined && ofUpgrades.has(name)))
    .map(withoutToken);
  return [
    ...kept,
    ...(upgrade === undefined
      ? []
      : ([
          ["connection", "Upgrade"],
          ["upgrade", upgrade],
        ] as const)),
    ["impersonate-user", principal.user],
    ...principal.groups.map((name) => ["impersonate-group", name] as const),
  ];
}

/** Protocols that a connection may change to; anything else (`h2c`) would carry requests past every check. */
export type UpgradeProtocol = "websocket" | "SPDY/3.1";

/** The protocol that a request wants to change to. Throws `malformed` for one that is not served. */
export function readUpgrade(headers: HeaderList): UpgradeProtocol {
  const asked = headers.filter(([name]) => name === "upgrade").map(([, value]) => value);
  const [only = ""] = asked;
  if (asked.length === 1 && /^websocket$/i.test(only)) return "websocket";
  if (asked.length === 1 && /^SPDY\/3\.1$/i.test(only)) return "SPDY/3.1";
  throw new Fault("malformed", `a connection cannot become "${only.slice(0, 40)}" here`, {
    hint: "WebSocket and SPDY/3.1 are served",
  });
}

/** WebSocket clients may hide a token of their own among the protocols; it must not reach the API server. */
function withoutToken([name, value]: HeaderList[number]): HeaderList[number] {
  if (name !== "sec-websocket-protocol") return [name, value];
  const protocols = value.split(",").map((protocol) => protocol.trim());
  const kept = protocols.filter((protocol) => !protocol.startsWith("base64url.bearer."));
  return [name, kept.join(", ")];
}

/** What goes back to the person. */
export function answerHeaders(headers: HeaderList): HeaderList {
  return headers.filter(([name]) => !ofOneHop.has(name));
}

/** Node's flat list of alternating names and values, as pairs with names in lower case. */
export function pairsOf(raw: readonly string[]): HeaderList {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    pairs.push([(raw[at] ?? "").toLowerCase(), raw[at + 1] ?? ""]);
  }
  return pairs;
}
