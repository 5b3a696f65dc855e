/**
 * The text that `gatehouse configure` prints: a config file to begin with, explained where it
 * stands.
 */

import { formatAddress, parseAddress } from "#base/address.ts";
import { formatScalar } from "#resource/yaml/scalar-style.ts";
import { defaultDataDir } from "./resolve.ts";

/** What the flags of `gatehouse configure` say. */
export interface ConfigureOptions {
  readonly nodename: string;
  readonly dataDir?: string;
  readonly clusterName?: string;
  /** "host:port" that people type. */
  readonly publicAddr?: string;
  readonly keyFile?: string;
  readonly certFile?: string;
  /** With a proxy address the file is for an agent: only the ssh service. */
  readonly proxyServer?: string;
  readonly token?: string;
  readonly caPin?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A config file for a whole cluster in one process or, with `proxyServer`, for an agent. */
export function generateConfig(options: ConfigureOptions): string {
  const agent = options.proxyServer !== undefined;
  const lines = [
    "# Configuration of Gatehouse. Check it with: gatehouse configure --check --config=FILE",
    "version: v3",
    "",
    "teleport:",
    "  # Name of this machine in listings.",
    `  nodename: ${scalar(options.nodename)}`,
    "  # Everything that is kept: keys, database, audit log.",
    `  data_dir: ${scalar(options.dataDir ?? defaultDataDir)}`,
    ...(agent ? joinLines(options) : []),
    "  log:",
    "    output: stderr",
    "    severity: info",
    "",
    ...(agent ? ["auth_service:", "  enabled: false"] : authLines(options)),
    "",
    ...(agent ? ["proxy_service:", "  enabled: false"] : proxyLines(options)),
    "",
    "ssh_service:",
    "  enabled: true",
    "  # Labels by which roles allow this server.",
    ...labelLines(options.labels ?? {}),
  ];
  return `${lines.join("\n")}\n`;
}

function joinLines(options: ConfigureOptions): string[] {
  return [
    "  # The proxy of the cluster, and the token of: tctl tokens add --type=node",
    `  proxy_server: ${scalar(options.proxyServer ?? "")}`,
    ...(options.token === undefined ? [] : [`  auth_token: ${scalar(options.token)}`]),
    ...(options.caPin === undefined ? [] : [`  ca_pin: ${scalar(options.caPin)}`]),
  ];
}

function authLines(options: ConfigureOptions): string[] {
  return [
    "auth_service:",
    "  enabled: true",
    ...(options.clusterName === undefined
      ? []
      : [
          "  # Cannot be changed later: certificates carry it.",
          `  cluster_name: ${scalar(options.clusterName)}`,
        ]),
    "  authentication:",
    "    type: local",
    "    second_factor: otp",
    "    device_trust:",
    "      # off, optional, required or required-for-humans",
    "      mode: optional",
  ];
}

function proxyLines(options: ConfigureOptions): string[] {
  const address = parseAddress(options.publicAddr ?? "", 443);
  return [
    "proxy_service:",
    "  enabled: true",
    "  web_listen_addr: 0.0.0.0:3080",
    ...(address === undefined ? [] : [`  public_addr: ${scalar(formatAddress(address))}`]),
    ...(options.keyFile === undefined || options.certFile === undefined
      ? ["  # Without key pairs a self-signed certificate is made.", "  https_keypairs: []"]
      : [
          "  https_keypairs:",
          `  - key_file: ${scalar(options.keyFile)}`,
          `    cert_file: ${scalar(options.certFile)}`,
        ]),
  ];
}

function labelLines(labels: Readonly<Record<string, string>>): string[] {
  const entries = Object.entries(labels);
  if (entries.length === 0) return ["  labels: {}"];
  return ["  labels:", ...entries.map(([key, value]) => `    ${scalar(key)}: ${scalar(value)}`)];
}

function scalar(text: string): string {
  return text.includes("\n") ? JSON.stringify(text) : formatScalar(text, 0);
}
