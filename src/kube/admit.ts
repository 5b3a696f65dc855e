/**
 * How a request is admitted, step by step: who asks, for which cluster, for what, whether they may, and as whom. What is
 * refused is written down, and the answer says under which id.
 */
import { explained, refusalFields } from "#audit/refusal.ts";
import { type Fault, isFault } from "#base/fault.ts";
import { type Caller, readRoute, requirePerson } from "./caller.ts";
import type { KubeContext, ServedCluster } from "./context.ts";
import {
  type ClusterGrant,
  grantCluster,
  grantRequest,
  type Person,
  type RequestGrant,
} from "./decide.ts";
import { agentFields, clip, clusterFields, personFields, requestFields } from "./event-fields.ts";
import { type HeaderList, readWish } from "./headers.ts";
import { type ApiRequest, readRequest } from "./request.ts";

/** A request line and its headers. */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  readonly headers: HeaderList;
}

/** A request that is admitted so far. */
export interface Admission {
  readonly person: Person;
  readonly cluster: ServedCluster;
  readonly request: ApiRequest;
  readonly grant: ClusterGrant;
  readonly allowed: RequestGrant;
}

/** Admits a request. Throws a refusal that is in the audit log, with its id in the hint. */
export async function admit(
  context: KubeContext,
  caller: Caller,
  { method, target, headers }: RequestHead,
): Promise<Admission> {
  // Of a stranger nothing is known that an event could say.
  const person = requirePerson(caller);
  const known: { cluster?: ServedCluster; request?: ApiRequest } = {};
  try {
    const route = readRoute(context, person, target);
    known.cluster = route.cluster;
    const request = readRequest(method, route.target);
    known.request = request;
    await caller.device?.known();
    const decision = decisionContext(context, route.cluster);
    const grant = grantCluster(person, decision, readWish(headers));
    return {
      person,
      cluster: route.cluster,
      request,
      grant,
      allowed: grantRequest(grant, request),
    };
  } catch (error) {
    if (!isFault(error)) throw error;
    const about = known.request
      ? requestFields(known.request)
      : { verb: clip(method), request_path: clip(target.split("?", 1)[0] ?? "") };
    throw await recordRefusal(context, person, { ...known, about }, error);
  }
}

/** What a decision sees at this moment. */
export function decisionContext({ feed, clock }: KubeContext, cluster: ServedCluster) {
  return { view: feed.view, cluster: cluster.describe(), now: clock.now() };
}

/** Writes down why a request that was admitted so far is refused after all; gives what the person is told. */
export function refuseAdmitted(
  context: KubeContext,
  { person, cluster, request }: Admission,
  error: Fault,
): Promise<Fault> {
  return recordRefusal(context, person, { cluster, about: requestFields(request) }, error);
}

async function recordRefusal(
  context: KubeContext,
  person: Person,
  known: {
    readonly cluster?: ServedCluster;
    readonly about: { readonly verb: string; readonly request_path: string };
  },
  error: Fault,
): Promise<Fault> {
  try {
    const id = await context.events.record("kube.request", {
      ...personFields(person),
      ...agentFields(context),
      kubernetes_cluster: clip(person.identity.kubernetesCluster ?? ""),
      ...(known.cluster === undefined ? {} : clusterFields(known.cluster)),
      ...known.about,
      success: false,
      error: error.message,
      ...refusalFields(error),
    });
    return explained(error, id) as Fault;
  } catch (cause) {
    // The refusal stands also when the audit log cannot be reached.
    context.logger.error("a refusal could not be written to the audit log", { error: cause });
    return error;
  }
}
