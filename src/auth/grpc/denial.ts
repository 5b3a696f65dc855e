/** Writes down that somebody was refused: who, which call, and in which words. Strangers are left to the debug log. */
import type { Status } from "#api/grpc/status.ts";
import { actorOf } from "#audit/actor.ts";
import { faultInfo } from "#base/fault.ts";
import type { AuthContext } from "../context.ts";
import type { AuthCall } from "./guard.ts";

const denied = faultInfo("access-denied").grpc;

/** Records a finished call that was refused. The refusal stands whether or not this succeeds. */
export function recordDenial(context: AuthContext, call: AuthCall, status: Status): void {
  const { identity, address } = call.peer;
  if (status.code !== denied || !identity) return;
  context.audit
    .record("access.denied", {
      ...actorOf(identity),
      rpc: call.path,
      error: status.message,
      "addr.remote": address,
    })
    .catch((error: unknown) => context.logger.error("a refusal was not recorded", { error }));
}
