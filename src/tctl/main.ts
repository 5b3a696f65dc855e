/** Starts tctl. */
import { runMain } from "#cli/main.ts";
import { tctl } from "./program.ts";

await runMain(tctl);
