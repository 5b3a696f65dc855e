/** Every generated page, as text: what `npm run docs` writes and `test/docs.test.ts` compares with the files. */
import { readFileSync } from "node:fs";
import { gatehouse } from "#daemon/program.ts";
import { tctl } from "#tctl/program.ts";
import { tsh } from "#tsh/program.ts";
import { formatApiPage } from "./api.ts";
import { formatCliPage } from "./cli.ts";
import { formatEventsPage } from "./events.ts";
import { withLayers } from "./layers.ts";

const root = new URL("../..", import.meta.url).pathname;

/** Texts by path from the project's root. */
export function generatedPages(): ReadonlyMap<string, string> {
  const pageOfTsh = tsh(() => {
    throw new TypeError("the reference runs no command");
  });
  return new Map([
    ["ARCHITECTURE.md", withLayers(readFileSync(`${root}ARCHITECTURE.md`, "utf8"))],
    ["docs/api.md", formatApiPage()],
    ["docs/cli/gatehouse.md", formatCliPage(gatehouse as never)],
    ["docs/cli/tctl.md", formatCliPage(tctl as never)],
    ["docs/cli/tsh.md", formatCliPage(pageOfTsh as never)],
    ["docs/events.md", formatEventsPage()],
  ]);
}
