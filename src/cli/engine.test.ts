/** The engine as a person meets it: a transcript of the demo program. */

import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runProgram } from "#cli/run.ts";
import { demo } from "../../test/support/cli/demo.ts";
import { replayTranscript } from "../../test/support/cli/transcript.ts";

test("parses, explains mistakes, asks and ends as the transcript shows", async () => {
  await replayTranscript(fileURLToPath(new URL("testdata/engine.script", import.meta.url)), {
    programs: { demo: (words, console) => runProgram(demo, words, console) },
  });
});
