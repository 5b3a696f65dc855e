/** `tsh ls`: the nodes that the person may see, in the columns of the guide. */
import { printAs } from "#cli/output.ts";
import { formatLabels, printTable } from "#cli/table.ts";
import type { NodeDocument } from "#client/access.ts";
import { parseLabels } from "#client/ssh/target.ts";
import { selectLogin, type TshInvocation } from "./context.ts";
import { openAccessShown } from "./device-progress.ts";
import { shownLabels } from "./labels.ts";
import type { ls } from "./program.ts";

/** What a node that dialled in shows as its address. */
const tunnelAddress = "⟵ Tunnel";
/** Lists. An empty list says what to check. */
export async function run(invocation: TshInvocation<typeof ls>): Promise<void> {
  const { args, flags, shared, console, services } = invocation;
  const labels = args.labels.length === 0 ? {} : parseLabels(args.labels.join(","));
  const login = await selectLogin(services, shared);
  const { access, progress } = await openAccessShown(invocation, login, "Asking the cluster");
  let nodes: NodeDocument[];
  try {
    nodes = await access.listNodes({ labels, predicate: flags.query ?? "", search: flags.search });
  } finally {
    progress.stop();
    access.close();
  }
  nodes.sort(byName);
  if (flags.format === "names") {
    for (const { spec } of nodes) console.print(spec.hostname);
    return;
  }
  await printAs(console, flags.format, nodes, () => printNodes(invocation, nodes));
}

function printNodes(
  { console, flags }: TshInvocation<typeof ls>,
  nodes: readonly NodeDocument[],
): void {
  if (flags.verbose) {
    const rows = nodes.map((node) => [
      node.spec.hostname,
      node.metadata.name,
      addressOf(node),
      formatLabels(labelsOf(node)),
    ]);
    printTable(console, ["Node Name", "Node ID", "Address", "Labels"], rows);
  } else {
    const rows = nodes.map((node) => [
      node.spec.hostname,
      addressOf(node),
      formatLabels(labelsOf(node)),
    ]);
    const fit = { column: "Labels", width: console.columns };
    printTable(console, ["Node Name", "Address", "Labels"], rows, fit);
  }
  if (nodes.length > 0) return;
  console.note("");
  console.note("hint: no node is there that matches and that your roles let you see");
  console.note("hint: see your roles with: tsh status");
}

/** Static labels and the last results of command labels, without those that are nobody's business. */
function labelsOf({ metadata, spec }: NodeDocument): Record<string, string> {
  const commands = Object.entries(spec.cmd_labels ?? {}).map(([key, { result }]) => [key, result]);
  return shownLabels(Object.fromEntries([...Object.entries(metadata.labels ?? {}), ...commands]));
}

function addressOf({ spec }: NodeDocument): string {
  return spec.use_tunnel === true || !spec.addr ? tunnelAddress : spec.addr;
}

function byName(a: NodeDocument, b: NodeDocument): number {
  const [left, right] = [a, b].map(({ spec, metadata }) => `${spec.hostname}\0${metadata.name}`);
  return (left ?? "") < (right ?? "") ? -1 : 1;
}
