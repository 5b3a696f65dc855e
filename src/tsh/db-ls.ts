/** `tsh db ls`: the databases that the person may see, in the columns of the public client. */
import { printAs } from "#cli/output.ts";
import { formatLabels, printTable } from "#cli/table.ts";
import { storedDatabases } from "#client/database/stored.ts";
import { parseLabels } from "#client/ssh/target.ts";
import type { Database } from "#resource/database.ts";
import { mergeLabels } from "#resource/dynamic-labels.ts";
import { selectLogin, type TshInvocation } from "./context.ts";
import { loginIdentity } from "./db.ts";
import { openAccessShown } from "./device-progress.ts";
import { shownLabels } from "./labels.ts";
import type { dbLs } from "./program.ts";

/** Lists. An empty list says what to check. */
export async function run(invocation: TshInvocation<typeof dbLs>): Promise<void> {
  const { args, flags, shared, console, services } = invocation;
  const labels = args.labels.length === 0 ? {} : parseLabels(args.labels.join(","));
  const login = await selectLogin(services, shared);
  const { access, progress } = await openAccessShown(invocation, login, "Asking the cluster");
  let databases: Database[];
  try {
    const query = { labels, predicate: flags.query ?? "", search: flags.search };
    databases = await access.listDatabases(query);
  } finally {
    progress.stop();
    access.close();
  }
  const { databaseUsers } = await loginIdentity(login);
  const chosen = new Set(storedDatabases(login));
  await printAs(console, flags.format, databases, () => {
    const users = `[${databaseUsers.join(" ")}]`;
    const rows = databases.map(({ metadata, spec }) => {
      const { name, description = "" } = metadata;
      const shown = formatLabels(shownLabels(mergeLabels(metadata.labels, spec.dynamic_labels)));
      const mark = chosen.has(name) ? "> " : "";
      const place = flags.verbose ? [spec.protocol, spec.uri] : [];
      return [`${mark}${name}`, description, ...place, users, shown, `tsh db connect ${name}`];
    });
    const place = flags.verbose ? ["Protocol", "URI"] : [];
    const header = ["Name", "Description", ...place, "Allowed Users", "Labels", "Connect"];
    printTable(console, header, rows);
    if (databases.length > 0) return;
    console.note("");
    console.note("hint: no database is there that matches and that your roles let you see");
    console.note("hint: see your roles with: tsh status");
  });
}
