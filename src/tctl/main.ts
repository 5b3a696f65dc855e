/** Starts tctl. */
import { runMain } from "#cli/main.ts";
import { tctl } from "./program.ts";

void runMain(tctl);
