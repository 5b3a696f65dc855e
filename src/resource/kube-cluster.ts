/**
 * `kind: kube_cluster`, version v3: a Kubernetes cluster that people reach through an agent. Agents serve those of their
 * configuration and those that administrators write (`tctl create`), whose kubeconfig the agent logs in with.
 */
import * as z from "zod";
import { dynamicLabels } from "./dynamic-labels.ts";
import { metadata } from "./metadata.ts";
import { fallback, oneOf, optional, text } from "./scalar.ts";

/** Clients put names into kubeconfigs, file names and addresses. */
const namePattern = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/;

/** Largest kubeconfig of a document, in base64. */
const longestKubeconfig = 256 * 1024;

const kubeconfig = text.refine(
  (value) =>
    value.length <= longestKubeconfig &&
    Buffer.from(value, "base64").toString("base64").replace(/=+$/, "") === value.replace(/=+$/, ""),
  {
    message: "must be a kubeconfig in base64",
    params: { suggestion: "write what this prints: base64 -w0 kubeconfig.yaml" },
  },
);

/** True for a name that a Kubernetes cluster may have. */
export function isKubeClusterName(name: string): boolean {
  return namePattern.test(name);
}

/** What is wrong with other names, and what would be right. */
export const kubeClusterNameProblem = {
  message: "must begin and end with a letter or digit, and have only these and . _ -",
  suggestion: 'write it as in "prod-eu-1"',
} as const;

/** Strict schema of a Kubernetes cluster; its output is the canonical document. */
export const kubeClusterSchema = z.strictObject({
  kind: z.literal("kube_cluster"),
  sub_kind: optional(text),
  version: fallback(oneOf(["v3"]), "v3"),
  metadata: metadata.refine(({ name }) => isKubeClusterName(name), {
    path: ["name"],
    message: kubeClusterNameProblem.message,
    params: { suggestion: kubeClusterNameProblem.suggestion },
  }),
  spec: z.strictObject({
    dynamic_labels: optional(dynamicLabels),
    /** Secret: with it the agent may be anybody in the cluster. */
    kubeconfig: optional(kubeconfig),
  }),
});

/** A Kubernetes cluster as a canonical document. */
export type KubeCluster = z.output<typeof kubeClusterSchema>;

/** The document without its secret: what everybody may see who may see the cluster. */
export function withoutKubeconfig(cluster: KubeCluster): KubeCluster {
  const { kubeconfig: _, ...spec } = cluster.spec;
  return { ...cluster, spec };
}
