/** Events of Kubernetes clusters. Sessions in pods are sessions: `session.start` and `session.end` with `proto: kube`. */
import { type EventDefinition, kubernetesFields, serverFields } from "../definition.ts";

export const kubernetesEvents = {
  "kube.request": {
    title: "Kubernetes Request",
    code: { success: "T3009I", failure: "T3009E" },
    requires: ["user", "kubernetes_cluster", "verb", "request_path"],
    allows: [
      ...kubernetesFields,
      ...serverFields,
      "resource_api_group",
      "resource_kind",
      "resource_namespace",
      "resource_name",
      "response_code",
    ],
  },
} as const satisfies Record<string, EventDefinition>;
