/** `tsh clusters`: the cluster of the login, and whether it answers. */
import { isFault } from "#base/fault.ts";
import { printAs } from "#cli/output.ts";
import { printTable } from "#cli/table.ts";
import { findProxy } from "#client/login.ts";
import { selectLogin, type TshInvocation } from "./context.ts";
import type { clusters } from "./program.ts";

const header = ["Cluster Name", "Status", "Cluster Type", "Labels", "Selected"];
/** Longer names are cut so that the columns stay where scripts look for them. */
const longestName = 16;

/** Asks the proxy; a cluster that does not answer is shown as offline. */
export async function run({
  flags,
  shared,
  console,
  services,
  signal,
}: TshInvocation<typeof clusters>): Promise<void> {
  const login = await selectLogin(services, shared);
  const status = await findProxy({
    folder: services.folder,
    env: services.env,
    proxy: login.document.webProxyAddr,
    insecure: shared.insecure,
    now: services.now,
    signal,
  }).then(
    ({ web }) => {
      web.close();
      return "online";
    },
    (error: unknown) => {
      if (isFault(error, "unavailable", "timeout")) return "offline";
      throw error;
    },
  );
  const { cluster } = login.key;
  const value = [
    { cluster_name: cluster, status, cluster_type: "root", labels: {}, selected: true },
  ];
  await printAs(console, flags.format, value, () => {
    const name = cluster.length > longestName ? `${cluster.slice(0, longestName)}...` : cluster;
    const row = [name, status, "root", "", "*"];
    if (flags.quiet) console.print(row.join(" "));
    else printTable(console, header, [row]);
  });
}
