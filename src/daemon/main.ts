/** Starts gatehouse. */
import { runMain } from "#cli/main.ts";
import { gatehouse } from "./program.ts";

await runMain(gatehouse);
