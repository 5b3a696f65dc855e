/** `tctl tokens add` */
import { hex } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import { nearest } from "#base/nearest.ts";
import { printAs } from "#cli/output.ts";
import { parseResourceOf } from "#resource/parse.ts";
import { timeOf } from "#resource/time.ts";
import { type TokenRole, tokenRoleOf, tokenRoles } from "#resource/token.ts";
import type { Invocation, tokensAdd } from "./commands.ts";
import { formatLongDuration } from "./format.ts";
import { readLabels } from "./label-flag.ts";
import { withAuth } from "./services.ts";

/** Section of the configuration file that runs what a token of this type admits. */
const sections: Partial<Record<TokenRole, string>> = {
  Node: "ssh_service",
  Proxy: "proxy_service",
  App: "app_service",
  Db: "db_service",
  Kube: "kubernetes_service",
  MDM: "jamf_service",
};

/** What a section cannot run without, to be filled in by hand. */
const needed: Readonly<Record<string, readonly string[]>> = {
  db_service: [
    "  databases:",
    "  - name: orders-db",
    "    protocol: postgres",
    "    uri: localhost:5432",
  ],
  jamf_service: [
    "  api_endpoint: https://yourtenant.jamfcloud.com/api",
    "  client_id: CLIENT-ID",
    "  client_secret_file: /etc/gatehouse/jamf-secret",
  ],
};

/** Services that a configuration runs unless it says otherwise: the new host must not become a cluster of its own. */
const usualSections = ["auth_service", "proxy_service", "ssh_service"];

/** Creates the token and prints what to do with it on the new host. */
export async function run(invocation: Invocation<typeof tokensAdd>): Promise<void> {
  const { flags, console, services } = invocation;
  const roles = flags.type.map(readType);
  const name = flags.value ?? hex(services.random(16));
  const expires = new Date(services.clock.now().getTime() + flags.ttl);
  const labels = readLabels(flags.labels);
  const token = parseResourceOf("token", {
    kind: "token",
    metadata: { name, expires: timeOf(expires), labels },
    spec: { roles, join_method: "token" },
  });
  const [info, pins] = await withAuth(invocation, async (auth) => {
    await auth.create(token);
    return Promise.all([auth.ping(), auth.caPins()]);
  });
  const value = { token: name, roles, expires: timeOf(expires) };
  await printAs(console, flags.format, value, () => {
    const life = formatLongDuration(flags.ttl);
    const address = info.proxyAddress ?? "PROXY:3080";
    const wanted = [...new Set(roles.flatMap((role) => sections[role] ?? []))];
    console.write(
      [
        `The invite token: ${name}`,
        `This token will expire in ${life}.`,
        "",
        "Write this to /etc/gatehouse.yaml on the new host:",
        "",
        "version: v3",
        "teleport:",
        `  proxy_server: ${address}`,
        `  auth_token: ${name}`,
        ...(pins[0] === undefined ? [] : [`  ca_pin: ${pins[0]}`]),
        ...usualSections.map((section) => `${section}: {enabled: ${wanted.includes(section)}}`),
        ...wanted
          .filter((section) => !usualSections.includes(section))
          .flatMap((section) => linesOf(section)),
        "",
        "Then run there:",
        "",
        "> gatehouse start --config=/etc/gatehouse.yaml",
        "",
        "Please note:",
        "",
        `  - This invitation token will expire in ${life}`,
        `  - ${address} must be reachable from the new host`,
        "",
      ].join("\n"),
    );
  });
}

function linesOf(section: string): readonly string[] {
  const lines = needed[section];
  return lines ? [`${section}:`, "  enabled: true", ...lines] : [`${section}: {enabled: true}`];
}

function readType(word: string): TokenRole {
  const role = tokenRoleOf(word);
  if (role !== undefined) return role;
  const known = tokenRoles.map((each) => each.toLowerCase());
  const meant = nearest(word, known);
  throw new Fault("usage", `invalid --type: ${word}`, {
    hint: meant ? `did you mean: --type=${meant}` : `choose from ${known.join(", ")}`,
  });
}
