/** `tctl alerts create`: raises an alert, which everybody sees at their login unless its labels say otherwise. */

import { uuid } from "#base/random.ts";
import type { alertsCreate, Invocation } from "./commands.ts";
import { readLabels } from "./label-flag.ts";
import { withAuth } from "./services.ts";

const forEverybody = {
  "teleport.internal/alert-on-login": "yes",
  "teleport.internal/alert-permit-all": "yes",
};

/** Raises it under a fresh id. */
export async function run(invocation: Invocation<typeof alertsCreate>): Promise<void> {
  const { args, flags, services, console } = invocation;
  const { ttl } = flags;
  const id = uuid(services.random);
  await withAuth(invocation, (auth) =>
    auth.createAlert({
      id,
      severity: flags.severity,
      message: args.message,
      labels: flags.labels.length === 0 ? forEverybody : readLabels(flags.labels),
      expires: ttl === undefined ? undefined : new Date(services.clock.now().getTime() + ttl),
    }),
  );
  console.print(`Created alert "${id}".`);
}
