/**
 * `kind: kube_server`, version v3: a Kubernetes cluster and one agent that serves it. Agents send it as their heartbeat; a
 * cluster with several agents has as many of them.
 */
import * as z from "zod";
import { kubeClusterSchema } from "./kube-cluster.ts";
import { metadata } from "./metadata.ts";
import { rotation } from "./rotation.ts";
import { fallback, filledText, oneOf, optional, text, textList } from "./scalar.ts";

/** Strict schema of a Kubernetes server; its output is the canonical document. */
export const kubeServerSchema = z
  .strictObject({
    kind: z.literal("kube_server"),
    sub_kind: optional(text),
    version: fallback(oneOf(["v3"]), "v3"),
    metadata,
    spec: z.strictObject({
      version: optional(text),
      /** Name of the agent's machine. */
      hostname: text,
      /** Id of the agent's host. */
      host_id: filledText,
      rotation: optional(rotation),
      cluster: kubeClusterSchema,
      proxy_ids: optional(textList),
    }),
  })
  .refine(({ metadata: head, spec }) => head.name === spec.cluster.metadata.name, {
    path: ["metadata", "name"],
    message: "must be the name of the Kubernetes cluster",
  })
  .refine(({ spec }) => spec.cluster.spec.kubeconfig === undefined, {
    path: ["spec", "cluster", "spec", "kubeconfig"],
    message: "is a secret that no heartbeat may carry",
  });

/** A Kubernetes server as a canonical document. */
export type KubeServer = z.output<typeof kubeServerSchema>;
