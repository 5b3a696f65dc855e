/** `tsh mfa ls`: the second factors of the person who is logged in. */
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { printAs } from "#cli/output.ts";
import { printTable } from "#cli/table.ts";
import type { MFADevice } from "#gen/types/mfa_pb.ts";
import type { TshInvocation } from "./context.ts";
import { withAuth } from "./mfa.ts";
import type { mfaLs } from "./program.ts";

const types = { totp: "TOTP", webauthn: "WebAuthn", u2f: "U2F" } as const;

/** Lists by name. */
export async function run({
  flags,
  shared,
  console,
  services,
  signal,
}: TshInvocation<typeof mfaLs>): Promise<void> {
  const { Devices } = await withAuth(services, shared, signal, (auth) => auth.getMFADevices({}));
  const rows = Devices.map(rowOf).sort((a, b) => (a.name < b.name ? -1 : 1));
  const value = rows.map(({ name, id, type, added, used }) => ({
    kind: "mfa_device",
    metadata: { name },
    id,
    type,
    addedAt: added.toISOString(),
    lastUsed: used.toISOString(),
  }));
  await printAs(console, flags.format, value, () => {
    const id = flags.verbose ? ["ID"] : [];
    const header = ["Name", ...id, "Type", "Added at", "Last used"];
    const lines = rows.map((row) => [
      row.name,
      ...(flags.verbose ? [row.id] : []),
      row.type,
      formatTime(row.added),
      formatTime(row.used),
    ]);
    printTable(console, header, lines);
  });
}

function rowOf({ metadata, id, addedAt, lastUsed, device }: MFADevice) {
  const date = (time: typeof addedAt) => (time ? timestampDate(time) : new Date(0));
  return {
    name: metadata?.Name ?? "",
    id,
    type: device.case === undefined ? "unknown" : types[device.case],
    added: date(addedAt),
    used: date(lastUsed),
  };
}

/** As RFC 1123 writes times: `Sat, 21 Nov 2026 05:44:28 UTC`. */
function formatTime(time: Date): string {
  return time.toUTCString().replace("GMT", "UTC");
}
