/** The event of a request that was admitted. */
import type { Admission } from "./admit.ts";
import type { KubeContext } from "./context.ts";
import { agentFields, clusterFields, personFields, requestFields } from "./event-fields.ts";

/** Resolves once the event is durable. `code` is the status of the answer, where it is known by then. */
export async function recordRequest(
  context: KubeContext,
  { person, cluster, grant, request }: Admission,
  code?: number,
): Promise<void> {
  await context.events.record("kube.request", {
    ...personFields(person, grant.principal),
    ...agentFields(context),
    ...clusterFields(cluster, grant.principal),
    ...requestFields(request),
    success: code === undefined || code < 400,
    ...(code === undefined ? {} : { response_code: code }),
  });
}
