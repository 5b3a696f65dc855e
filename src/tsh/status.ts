/** `tsh status`: who is logged in, from the profile alone. */
import { Fault } from "#base/fault.ts";
import { printAs } from "#cli/output.ts";
import { hostOf } from "#client/profile/names.ts";
import type { LoginSummary } from "#client/profile/summary.ts";
import type { TshInvocation } from "./context.ts";
import type { status } from "./program.ts";
import { findStatus, printStatus } from "./status-block.ts";

/** Prints the current login, then the others. Exit code 1 when nobody is logged in or the login has expired. */
export async function run({
  flags,
  shared,
  console,
  services,
}: TshInvocation<typeof status>): Promise<number> {
  const wanted = shared.proxy === undefined ? undefined : hostOf(shared.proxy);
  const { folder, agent } = services;
  const now = services.now();
  const { active, others } = await findStatus(folder, agent.place.id, now, wanted);
  if (active === undefined && others.length === 0) {
    throw new Fault("not-found", "Not logged in.", {
      hint: "log in with: tsh login --proxy=HOST --user=NAME",
    });
  }
  const value = {
    ...(active === undefined ? {} : { active: asJson(active) }),
    profiles: others.map(asJson),
  };
  await printAs(console, flags.format, value, () => {
    if (active !== undefined) printStatus(console, active, now, true);
    for (const other of others) printStatus(console, other, now, false);
  });
  if (active === undefined || isExpired(active, now)) {
    console.note("hint: log in again with: tsh login");
    return 1;
  }
  return 0;
}

function isExpired(summary: LoginSummary, now: Date): boolean {
  return Date.parse(summary.validUntil) <= now.getTime();
}

/** The keys and their order are those of the official client's JSON. */
function asJson(summary: LoginSummary) {
  return {
    profile_url: `https://${summary.proxy}`,
    username: summary.user,
    cluster: summary.cluster,
    roles: [...summary.roles].sort(),
    traits: summary.traits,
    logins: summary.logins,
    kubernetes_enabled: summary.kubernetes,
    valid_until: summary.validUntil,
    extensions: summary.extensions,
    ...(summary.device === undefined ? {} : { device_asset_tag: summary.device }),
  };
}
