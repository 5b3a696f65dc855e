/** `tctl devices tokens rm` */
import type { devicesTokensRm, Invocation } from "./commands.ts";
import { withAuth } from "./services.ts";

/** Makes one token useless. */
export async function run(invocation: Invocation<typeof devicesTokensRm>): Promise<void> {
  const { args, console } = invocation;
  await withAuth(invocation, (auth) => auth.revokeEnrollToken(args.id));
  console.print(`Enrollment token ${args.id} has been revoked`);
}
