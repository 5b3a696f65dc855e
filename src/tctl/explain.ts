/** `tctl explain`: one refusal, from the audit log, in words. */
import { printAs } from "#cli/output.ts";
import type { AuditEvent, PersonalDevice } from "./auth-client.ts";
import { ceremonyHelp } from "./ceremony-help.ts";
import type { explain, Invocation } from "./commands.ts";
import { withAuth } from "./services.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Prints who was refused what, by which rule, what is known of the device, and what would help. */
export async function run(invocation: Invocation<typeof explain>): Promise<void> {
  const { args, console, flags } = invocation;
  const refused = await withAuth(invocation, (auth) => auth.explain(args.id));
  await printAs(console, flags.format, refused, () => {
    const rows = describeRefusal(refused.event, refused.devices);
    const width = Math.max(...rows.map(([left]) => left.length));
    for (const [left, right] of rows) console.print(`${left.padEnd(width)}  ${right}`);
  });
}

type Row = readonly [string, string];

/** One row per fact; facts that the event does not hold are left out. */
export function describeRefusal(event: AuditEvent, devices: readonly PersonalDevice[]): Row[] {
  const refusal = fieldsOf(event["refusal"]);
  const rows: Row[] = [
    ["Refused:", whatOf(event)],
    ["Person:", personOf(event)],
    ["Time:", text(event["time"])],
    ["Reason:", text(event["message"]) || text(event["error"]) || text(event["reason"])],
    ["Check:", text(refusal["check"]) || text(event["reason"])],
    ["Rule:", ruleOf(refusal)],
    ["Lock:", lockOf(refusal)],
    ["Device:", deviceOf(event)],
    ...devices.map((device): Row => ["Owns:", ownedText(device)]),
    ...[...text(refusal["hint"]).split("\n"), ...ceremonyHelp(event)].map(
      (line): Row => ["What helps:", line],
    ),
  ];
  return rows.filter(([, right]) => right !== "");
}

function whatOf(event: AuditEvent): string {
  const [login, server] = [text(event["login"]), text(event["server_hostname"])];
  if (server !== "") return login === "" ? `SSH on ${server}` : `SSH as ${login} on ${server}`;
  return text(event["rpc"]) || text(event["event"]);
}

function personOf(event: AuditEvent): string {
  const [user, address] = [text(event["user"]), text(event["addr.remote"])];
  if (user === "") return "";
  return address === "" ? user : `${user}, from ${address}`;
}

function ruleOf(refusal: Fields): string {
  const [role, rule, mode] = ["role", "rule", "device_trust_mode"].map((name) =>
    text(refusal[name]),
  );
  const where = [role ? `role "${role}"` : "", rule].filter(Boolean).join(", ");
  return mode ? `${where}: ${mode}` : where;
}

function lockOf(refusal: Fields): string {
  const [lock, target] = [text(refusal["lock"]), text(refusal["lock_target"])];
  return lock === "" ? "" : `${lock} (on the ${target}); remove it with: tctl locks rm ${lock}`;
}

/** What the person's certificate, or the ceremony, said of a device. */
function deviceOf(event: AuditEvent): string {
  const device = fieldsOf(event["device"] ?? event["trusted_device"]);
  const tag = text(device["asset_tag"]);
  if (tag === "") return event["device"] === undefined ? "none in the certificate" : "";
  const credential = text(device["credential_id"]);
  return credential === "" ? tag : `${tag}, credential ${credential}`;
}

function ownedText({ assetTag, osType, enrolled, lastAuthenticated }: PersonalDevice): string {
  const state = enrolled ? "enrolled" : "not enrolled";
  const last = lastAuthenticated === undefined ? "never" : lastAuthenticated.toISOString();
  return `${assetTag} (${osType}), ${state}, last authenticated: ${last}`;
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
