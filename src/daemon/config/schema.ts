/**
 * The shape of the config file, version v3: strict, with defaults. What needs other files or other
 * sections to be judged is in `resolve.ts`.
 */
import * as z from "zod";
import { labels } from "#resource/labels.ts";
import {
  duration,
  fallback,
  filledText,
  flag,
  listOf,
  mapList,
  oneOf,
  optional,
  text,
} from "#resource/scalar.ts";
import { address } from "./address.ts";
import { authService } from "./schema-auth.ts";
import { databaseService } from "./schema-db.ts";
import { kubernetesService } from "./schema-kube.ts";
import { intuneService, jamfService } from "./schema-mdm.ts";

const severities = z.preprocess(
  (value) => {
    const word = typeof value === "string" ? value.toLowerCase() : value;
    if (word === "warning") return "warn";
    return word === "err" ? "error" : word;
  },
  z.enum(["debug", "info", "warn", "error"]),
);

const caPin = text.refine(
  (pin) => /^sha256:[0-9a-f]{64}$/.test(pin),
  'must be "sha256:" and 64 hexadecimal digits, as tctl tokens add prints it',
);

const general = z.strictObject({
  nodename: optional(filledText),
  data_dir: optional(filledText),
  /** The token itself, or an absolute path of a file that holds it. */
  auth_token: optional(filledText),
  auth_server: optional(address(3025)),
  proxy_server: optional(address(3080)),
  ca_pin: fallback(listOf(caPin), []),
  storage: fallback(
    z.strictObject({
      type: fallback(oneOf(["sqlite"]), "sqlite"),
      path: optional(filledText),
    }),
    {},
  ),
  log: fallback(
    z.strictObject({
      output: fallback(filledText, "stderr"),
      severity: fallback(severities, "info"),
      format: fallback(z.strictObject({ output: fallback(oneOf(["text", "json"]), "text") }), {}),
    }),
    {},
  ),
});

const proxyService = z.strictObject({
  enabled: fallback(flag, true),
  web_listen_addr: fallback(address(3080), "0.0.0.0:3080"),
  public_addr: fallback(listOf(address(443)), []),
  https_keypairs: fallback(
    mapList(z.strictObject({ key_file: filledText, cert_file: filledText })),
    [],
  ),
});

const sshService = z.strictObject({
  enabled: fallback(flag, true),
  listen_addr: fallback(address(3022), "0.0.0.0:3022"),
  public_addr: fallback(listOf(address(3022)), []),
  labels: fallback(labels, {}),
  commands: fallback(
    mapList(
      z.strictObject({
        name: filledText,
        command: z
          .array(text)
          .refine((command) => (command[0] ?? "") !== "", "must name a program and its arguments"),
        period: fallback(duration, "1m0s"),
      }),
    ),
    [],
  ),
  permit_user_env: fallback(flag, false),
  port_forwarding: fallback(flag, true),
  ssh_file_copy: fallback(flag, true),
});

/** Sections of services that do not exist yet: they may stand in a file as long as they are off. */
export const laterSections = ["app_service"] as const;

const laterService = optional(z.looseObject({ enabled: optional(flag) }));

/** Strict schema of the whole file. */
export const configFile = z.strictObject({
  version: oneOf(["v3"]),
  teleport: fallback(general, {}),
  auth_service: fallback(authService, {}),
  proxy_service: fallback(proxyService, {}),
  ssh_service: fallback(sshService, {}),
  db_service: optional(databaseService),
  kubernetes_service: optional(kubernetesService),
  app_service: laterService,
  jamf_service: optional(jamfService),
  intune_service: optional(intuneService),
});

/** The file as it stands, defaults filled in. */
export type ConfigFile = z.output<typeof configFile>;
