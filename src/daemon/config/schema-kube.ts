/**
 * The shape of `kubernetes_service`: strict, with defaults. A section that stands in a file runs, unless it says
 * `enabled: no`. The ways into the clusters are read in `resolve-kube.ts`.
 */
import * as z from "zod";
import { labelPatterns, labels } from "#resource/labels.ts";
import {
  duration,
  fallback,
  filledText,
  flag,
  listOf,
  mapList,
  optional,
  text,
} from "#resource/scalar.ts";

/** Strict schema of the section. */
export const kubernetesService = z.strictObject({
  enabled: fallback(flag, true),
  /** Each of its contexts is a cluster, by the context's name. */
  kubeconfig_file: optional(filledText),
  /** Without a kubeconfig: the name of the cluster that this agent itself runs in. */
  kube_cluster_name: optional(filledText),
  /** Labels of the clusters above. */
  labels: fallback(labels, {}),
  commands: fallback(
    mapList(
      z.strictObject({
        name: filledText,
        command: listOf(text).refine(
          (command) => (command[0] ?? "") !== "",
          "must name a program and its arguments",
        ),
        period: fallback(duration, "1m0s"),
      }),
    ),
    [],
  ),
  /** Which clusters of administrators (`kind: kube_cluster`) this agent serves, by their labels. */
  resources: fallback(mapList(z.strictObject({ labels: fallback(labelPatterns, {}) })), []),
});

/** The section as it stands, defaults filled in. */
export type KubernetesSection = z.output<typeof kubernetesService>;
