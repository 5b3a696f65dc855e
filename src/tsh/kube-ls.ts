/** `tsh kube ls`: the Kubernetes clusters that the person may see, in the columns of the public client. */
import { printAs } from "#cli/output.ts";
import { formatLabels, printTable } from "#cli/table.ts";
import { contextName, currentContext } from "#client/kube/kubeconfig.ts";
import { readText } from "#client/profile/files.ts";
import { parseLabels } from "#client/ssh/target.ts";
import { mergeLabels } from "#resource/dynamic-labels.ts";
import type { KubeCluster } from "#resource/kube-cluster.ts";
import { selectLogin, type TshInvocation } from "./context.ts";
import { openAccessShown } from "./device-progress.ts";
import { entryOf, kubeconfigPath } from "./kube.ts";
import { shownLabels } from "./labels.ts";
import type { kubeLs } from "./program.ts";

/** Lists. An empty list says what to check. */
export async function run(invocation: TshInvocation<typeof kubeLs>): Promise<void> {
  const { args, flags, shared, console, services } = invocation;
  const labels = args.labels.length === 0 ? {} : parseLabels(args.labels.join(","));
  const login = await selectLogin(services, shared);
  const { access, progress } = await openAccessShown(invocation, login, "Asking the cluster");
  let clusters: KubeCluster[];
  try {
    const query = { labels, predicate: flags.query ?? "", search: flags.search };
    clusters = await access.listKubeClusters(query);
  } finally {
    progress.stop();
    access.close();
  }
  const current = currentContext(readText(kubeconfigPath(services.env)) ?? "");
  await printAs(console, flags.format, clusters, () => {
    const rows = clusters.map(({ metadata, spec }) => {
      const shown = shownLabels(mergeLabels(metadata.labels, spec.dynamic_labels));
      const selected = contextName(entryOf(login, services, metadata.name)) === current;
      return [metadata.name, formatLabels(shown), selected ? "*" : ""];
    });
    printTable(console, ["Kube Cluster Name", "Labels", "Selected"], rows);
    if (clusters.length > 0) return;
    console.note("");
    console.note(
      "hint: no Kubernetes cluster is there that matches and that your roles let you see",
    );
    console.note("hint: see your roles with: tsh status");
  });
}
