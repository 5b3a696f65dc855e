/**
 * The profile document `<proxy host>.yaml`: what is written is what the official client of version 17 writes, key by
 * key; what is read may come from older and newer ones, whose further keys are ignored.
 */
import { Fault } from "#base/fault.ts";

/** One login's address book: which proxy, who, which cluster. No secrets. */
export interface ProfileDocument {
  /** `host:port` of the proxy's web address. */
  readonly webProxyAddr: string;
  /** Where Kubernetes is served; empty when the cluster offers none. */
  readonly kubeProxyAddr: string;
  readonly user: string;
  readonly cluster: string;
  readonly tlsRouting: boolean;
  /** A balancer in between ends TLS: every connection begins with an upgrade. */
  readonly connectionUpgrade: boolean;
}

/** The YAML text, with the keys and the order of the official client. */
export function formatDocument(document: ProfileDocument): string {
  const web = quote(document.webProxyAddr);
  return `${[
    `web_proxy_addr: ${web}`,
    `ssh_proxy_addr: ${web}`,
    `kube_proxy_addr: ${quote(document.kubeProxyAddr)}`,
    `postgres_proxy_addr: ${web}`,
    `mysql_proxy_addr: ${web}`,
    `user: ${quote(document.user)}`,
    `cluster: ${quote(document.cluster)}`,
    'dir: ""',
    `tls_routing_enabled: ${document.tlsRouting}`,
    ...(document.connectionUpgrade ? ["tls_routing_conn_upgrade_required: true"] : []),
    "mfa_mode: auto",
    'private_key_policy: ""',
    'piv_slot: ""',
    "missingclusterdetails: false",
  ].join("\n")}\n`;
}

/**
 * Parses a document of this or another client. The common case, one plain or quoted scalar per line, needs no YAML
 * library; anything else is given to one. Throws `malformed` when an address, user or cluster is missing.
 */
export async function parseDocument(text: string): Promise<ProfileDocument> {
  const fields = readFlat(text) ?? (await import("./mapping.ts")).readMapping(text);
  const get = (key: string) => fields.get(key) ?? "";
  const document = {
    webProxyAddr: get("web_proxy_addr"),
    kubeProxyAddr: get("kube_proxy_addr"),
    user: get("user"),
    cluster: get("cluster"),
    tlsRouting: get("tls_routing_enabled") !== "false",
    connectionUpgrade: get("tls_routing_conn_upgrade_required") === "true",
  };
  if (document.webProxyAddr === "" || document.user === "") {
    throw new Fault("malformed", "the profile names no proxy or no user", {
      hint: "log in again: tsh login --proxy=HOST --user=NAME",
    });
  }
  return document;
}

/** Scalars that YAML reads as text without quotes; everything else is written as a JSON string, which is YAML. */
function quote(text: string): string {
  const plain = /^[A-Za-z0-9_./][A-Za-z0-9_./:@+-]*$/u.test(text) && !text.endsWith(":");
  const special = /^(?:true|false|null|yes|no|on|off|~|[\d.+-][\d._e+-]*|0x[\da-f]+)$/iu.test(text);
  return plain && !special ? text : JSON.stringify(text);
}

function readFlat(text: string): Map<string, string> | undefined {
  const fields = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const match =
      /^([a-z_]+): (?:([A-Za-z0-9_./][A-Za-z0-9_./:@+-]*)|("(?:[^"\\]|\\["\\/])*"))$/u.exec(line);
    if (match?.[1] === undefined) return undefined;
    fields.set(match[1], match[2] ?? String(JSON.parse(match[3] ?? '""')));
  }
  return fields;
}
