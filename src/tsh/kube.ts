/** What the commands about Kubernetes share: the cluster by its name, and where kubectl's configuration is. */
import { realpathSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { Fault } from "#base/fault.ts";
import type { ClusterAccess } from "#client/access.ts";
import type { KubeconfigEntry } from "#client/kube/kubeconfig.ts";
import type { StoredLogin } from "#client/profile/logins.ts";
import { readTlsAuthorities } from "#client/profile/trust.ts";
import type { KubeCluster } from "#resource/kube-cluster.ts";
import type { TshServices } from "./context.ts";

/** The Kubernetes cluster of this name. Throws `not-found`. */
export async function kubeClusterNamed(
  access: Pick<ClusterAccess, "listKubeClusters">,
  name: string,
): Promise<KubeCluster> {
  const predicate = `name == ${JSON.stringify(name)}`;
  const [found] = await access.listKubeClusters({ labels: {}, predicate, search: [] });
  if (found !== undefined) return found;
  throw new Fault("not-found", `kubernetes cluster "${name.slice(0, 100)}" not found`, {
    hint: "list those that your roles let you see with: tsh kube ls",
  });
}

/** The file that kubectl writes to: the first of `$KUBECONFIG`, or `~/.kube/config`. Links are followed. */
export function kubeconfigPath(env: NodeJS.ProcessEnv): string {
  const [first] = (env["KUBECONFIG"] ?? "").split(delimiter).filter((path) => path !== "");
  const path = first ?? join(env["HOME"] ?? homedir(), ".kube", "config");
  try {
    return realpathSync(path);
  } catch {
    // It will be made.
    return path;
  }
}

/** What a kubeconfig says about a Kubernetes cluster. */
export function entryOf(
  { folder, key, document }: StoredLogin,
  { program }: Pick<TshServices, "program">,
  kubeCluster: string,
): KubeconfigEntry {
  const authorities = readTlsAuthorities(folder, key);
  return { cluster: key.cluster, kubeCluster, proxy: document.webProxyAddr, authorities, program };
}
