/** Writes down that somebody was refused: who, which call, and by which rule. Strangers are left to the debug log. */
import type { Status } from "#api/grpc/status.ts";
import { actorOf } from "#audit/actor.ts";
import { explainHint, refusalFields } from "#audit/refusal.ts";
import { faultInfo } from "#base/fault.ts";
import type { AuthContext } from "../context.ts";
import type { AuthCall } from "./guard.ts";

const denied = faultInfo("access-denied").grpc;

/**
 * Records a call that was refused, and gives the status with the id of the event in its hint. The refusal stands also
 * when the event cannot be written.
 */
export async function recordDenial(
  context: AuthContext,
  call: AuthCall,
  status: Status,
): Promise<Status> {
  const { identity, address } = call.peer;
  const recorded = status.audit?.["refusal_id"] !== undefined;
  if (status.code !== denied || !identity || recorded) return status;
  try {
    const id = await context.audit.record("access.denied", {
      ...actorOf(identity),
      ...refusalFields({ audit: status.audit ?? {}, hint: status.hint }),
      rpc: call.path,
      error: status.message,
      "addr.remote": address,
    });
    const hint = [status.hint, explainHint(id)].filter((line) => line !== undefined).join("\n");
    return { ...status, hint };
  } catch (error) {
    context.logger.error("a refusal was not recorded", { error });
    return status;
  }
}
