/** `tctl nodes ls` */
import { Fault } from "#base/fault.ts";
import type { Console } from "#cli/console.ts";
import { printAs } from "#cli/output.ts";
import { formatLabels, printTable } from "#cli/table.ts";
import type { Node } from "#resource/node.ts";
import { presentResource } from "#resource/present.ts";
import type { Invocation, nodesLs } from "./commands.ts";
import { withAuth } from "./services.ts";

/** Lists SSH servers by host name. */
export async function run(invocation: Invocation<typeof nodesLs>): Promise<void> {
  const { args, flags, console } = invocation;
  const wanted = args.labels.flatMap((word) => word.split(",")).map(readLabel);
  const all = await withAuth(invocation, (auth) => auth.list("node"));
  const nodes = all.filter((node) => {
    const labels = labelsOf(node);
    const text = JSON.stringify([node.metadata.name, node.spec, labels]).toLowerCase();
    return (
      wanted.every(([key, value]) => labels[key] === value) &&
      flags.search.every((word) => text.includes(word.toLowerCase()))
    );
  });
  const shown = nodes.map(presentResource);
  await printAs(console, flags.format, shown, () => printNodes(console, nodes, flags.verbose), 4);
}

/** The table of nodes; shortened to the terminal unless `verbose`. */
export function printNodes(console: Console, nodes: readonly Node[], verbose: boolean): void {
  const rows = [...nodes]
    .sort((a, b) => (a.spec.hostname < b.spec.hostname ? -1 : 1))
    .map((node) => [
      node.spec.hostname,
      node.metadata.name,
      node.spec.use_tunnel === true ? "⟵ Tunnel" : (node.spec.addr ?? ""),
      formatLabels(labelsOf(node)),
      node.spec.version ?? "",
    ]);
  const header = ["Host", "UUID", "Public Address", "Labels", "Version"];
  const fit = verbose ? undefined : { column: "Labels", width: console.columns };
  printTable(console, header, rows, fit);
}

/** Static labels, and the last results of those that commands give. */
function labelsOf(node: Node): Readonly<Record<string, string>> {
  const dynamic = Object.entries(node.spec.cmd_labels ?? {}).map(([key, { result }]) => [
    key,
    result,
  ]);
  return { ...node.metadata.labels, ...Object.fromEntries(dynamic) };
}

function readLabel(word: string): readonly [string, string] {
  const at = word.indexOf("=");
  if (at > 0) return [word.slice(0, at), word.slice(at + 1)];
  throw new Fault("usage", `"${word}" is not a label`, { hint: "write key=value" });
}
