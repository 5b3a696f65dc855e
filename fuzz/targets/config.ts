/** The config file: every problem is a diagnostic with a place. */
import assert from "node:assert/strict";
import { utf8 } from "#base/bytes.ts";
import { checkConfig } from "#daemon/config/load.ts";
import { type Target, textOf } from "../target.ts";

export const config: Target = {
  name: "config",
  maxLength: 60_000,
  dictionary: [
    "auth_service:\n",
    "enabled: yes\n",
    "ssh_service:\n",
    "listen_addr: ",
    ":0",
    "tokens: [",
    "&a",
    "*a",
  ],
  open: () => ({
    seeds: [
      "version: v3\n",
      `version: v3
teleport:
  nodename: host
  data_dir: /var/lib/x
  auth_token: abc
  log: {output: stderr, severity: INFO}
auth_service:
  enabled: true
  cluster_name: example.com
  listen_addr: "0.0.0.0:3025"
  tokens: ["node:abc", "proxy,node:/file"]
  authentication: {type: local, second_factor: "on"}
proxy_service:
  enabled: "yes"
  public_addr: ["example.com:443", "[::1]:3080"]
  https_keypairs: [{key_file: /k, cert_file: /c}]
ssh_service:
  enabled: true
  labels: {a: b}
  commands: [{name: n, command: [/bin/true, x], period: 1m0s}]
`,
    ].map(utf8),
    run(input) {
      const checked = checkConfig(textOf(input), {
        source: "/etc/fuzz.yaml",
        hostname: "host",
        readText: () => "text",
      });
      for (const { line, column } of checked.diagnostics) assert.ok(line >= 1 && column >= 1);
      const [first] = checked.diagnostics;
      return first?.message.replace(/"[^"]*"|\d+/g, "#").slice(0, 60) ?? "good";
    },
  }),
};
