/** From the section `kubernetes_service` to what the Kubernetes agent receives: clusters, and the way into each. */
import { parseDuration } from "#base/duration.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { ConfiguredCluster } from "#kube/clusters.ts";
import {
  type ApiCredential,
  type ReadText,
  readInCluster,
  readKubeconfig,
} from "#kube/kubeconfig.ts";
import { isKubeClusterName, kubeClusterNameProblem } from "#resource/kube-cluster.ts";
import type { Path } from "#resource/schema.ts";
import type { KubernetesServiceConfig } from "./config.ts";
import type { KubernetesSection } from "./schema-kube.ts";

/** What a section takes from the machine. */
export interface KubernetesSurroundings {
  /** An absolute path for one of the file. */
  readonly resolvePath: (file: string) => string;
  readonly readText: ReadText;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly report: (at: Path, message: string, suggestion?: string) => void;
}

const root = "kubernetes_service";

/** What the agent serves; undefined when the section is absent or off. */
export function resolveKubernetes(
  section: KubernetesSection | undefined,
  surroundings: KubernetesSurroundings,
): KubernetesServiceConfig | undefined {
  if (section === undefined || !section.enabled) return undefined;
  const found = readCredentials(section, surroundings);
  if (found.size === 0 && section.resources.length === 0) {
    surroundings.report(
      [root],
      "names no Kubernetes cluster",
      "name a kubeconfig_file; in a pod, a kube_cluster_name; or say under resources which ones of tctl this agent serves",
    );
  }
  const commands = section.commands.map(({ name, command, period }) => ({
    name,
    command,
    periodMs: parseDuration(period),
  }));
  const clusters: ConfiguredCluster[] = [];
  for (const [name, { at, credential }] of found) {
    if (!isKubeClusterName(name)) {
      const { message, suggestion } = kubeClusterNameProblem;
      surroundings.report(at, `the name "${name.slice(0, 80)}" ${message}`, suggestion);
      continue;
    }
    const metadata = { name, labels: section.labels };
    const document = { kind: "kube_cluster", version: "v3", metadata, spec: {} } as const;
    clusters.push({ document, commands, credential });
  }
  return { clusters, selectors: section.resources.map(({ labels }) => labels) };
}

interface Found {
  readonly at: Path;
  readonly credential: ApiCredential;
}

function readCredentials(
  { kubeconfig_file: file, kube_cluster_name: name }: KubernetesSection,
  { resolvePath, readText, environment, report }: KubernetesSurroundings,
): ReadonlyMap<string, Found> {
  const at = [root, file === undefined ? "kube_cluster_name" : "kubeconfig_file"];
  if (file !== undefined && name !== undefined) {
    const message = "names a cluster that the contexts of the kubeconfig name already";
    report([root, "kube_cluster_name"], message, "keep one of the two");
    return new Map();
  }
  const read = (path: string) => readOrFault(path, readText);
  try {
    if (file !== undefined) {
      const contexts = [...readKubeconfig(resolvePath(file), read)];
      return new Map(contexts.map(([context, credential]) => [context, { at, credential }]));
    }
    if (name === undefined) return new Map();
    return new Map([[name, { at, credential: readInCluster(environment, read) }]]);
  } catch (error) {
    if (!isFault(error)) throw error;
    report(at, error.message, error.hint);
    return new Map();
  }
}

function readOrFault(path: string, readText: ReadText): string {
  try {
    return readText(path);
  } catch (cause) {
    throw new Fault("invalid", `the file ${path} cannot be read`, { cause });
  }
}
