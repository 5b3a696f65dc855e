/** The fields that the events of requests and sessions share, in the form of the public API. */
import type { KubernetesPrincipal } from "#access/kubernetes-principals.ts";
import { actorOf } from "#audit/actor.ts";
import type { KubeContext, ServedCluster } from "./context.ts";
import type { Person } from "./decide.ts";
import type { ApiRequest } from "./request.ts";

/** Fields about who and from where. `login` is the user inside of the cluster, once it is known. */
export function personFields({ identity, clientIp }: Person, principal?: KubernetesPrincipal) {
  return {
    ...actorOf(identity),
    login: principal?.user ?? identity.username,
    private_key_policy: identity.privateKeyPolicy,
    "addr.remote": clientIp,
    proto: "kube",
  };
}

/** Fields about the cluster, and about who the person is in it. */
export function clusterFields(cluster: ServedCluster, principal?: KubernetesPrincipal) {
  const { name, labels } = cluster.describe();
  return {
    kubernetes_cluster: name,
    kubernetes_labels: labels,
    ...(principal === undefined
      ? {}
      : { kubernetes_users: [principal.user], kubernetes_groups: [...principal.groups] }),
  };
}

/** Fields about this agent. */
export function agentFields({ hostId, nodename, version }: KubeContext) {
  return {
    namespace: "default",
    server_id: hostId,
    server_hostname: nodename,
    server_version: version,
  };
}

/** Fields about a request. Its query stays out: it may hold a command. */
export function requestFields(request: ApiRequest) {
  const path = clip(request.path.split("?", 1)[0] ?? "");
  if (request.kind === "path") return { verb: request.verb, request_path: path };
  const { verb, group, resource, subresource, namespace, name } = request;
  const kind = subresource === "" ? resource : `${resource}/${subresource}`;
  return {
    verb,
    request_path: path,
    resource_api_group: group === "" ? request.version : `${group}/${request.version}`,
    resource_kind: clip(kind),
    resource_namespace: clip(namespace),
    resource_name: clip(name),
  };
}

/** A text as it stands in an event. */
export function clip(text: string): string {
  return text.length <= 2048 ? text : `${text.slice(0, 2048)}… (cut, ${text.length} characters)`;
}
