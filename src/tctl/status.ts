/** `tctl status` */
import { splitServerVersion } from "#api/version.ts";
import type { CertAuthority } from "#resource/cert-authority.ts";
import type { Invocation, status } from "./commands.ts";
import { withAuth } from "./services.ts";

/** Prints the cluster, its versions, when its authorities were rotated, and the pins that agents check. */
export async function run(invocation: Invocation<typeof status>): Promise<void> {
  const { console } = invocation;
  await withAuth(invocation, async (auth) => {
    const [info, authorities, pins] = await Promise.all([
      auth.ping(),
      auth.list("cert_authority"),
      auth.caPins(),
    ]);
    const rows: (readonly [string, string])[] = [
      ["Cluster", info.name],
      ...versionRows(info.serverVersion),
      ...authorities.map((each): [string, string] => [`${authorityType(each)} CA`, rotated(each)]),
      ...pins.map((pin): [string, string] => ["CA pin", pin]),
    ];
    const width = Math.max(...rows.map(([left]) => left.length));
    for (const [left, right] of rows) console.print(`${left.padEnd(width)} ${right}`);
  });
}

/** The product's version where the server tells it, and the API's, which clients compare with their own. */
function versionRows(version: string): (readonly [string, string])[] {
  const { api, product } = splitServerVersion(version);
  return product === undefined
    ? [["Version", api]]
    : [
        ["Version", product],
        ["API", api],
      ];
}

function authorityType(authority: CertAuthority): string {
  return authority.sub_kind ?? authority.spec.type ?? "unknown";
}

function rotated(authority: CertAuthority): string {
  const last = authority.spec.rotation?.last_rotated;
  if (last === undefined || last.startsWith("0001-")) return "never updated";
  return `rotated ${last}`;
}
