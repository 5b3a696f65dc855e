/** The demo program as a process. */
import { runMain } from "#cli/main.ts";
import { demo } from "./demo.ts";

await runMain(demo);
