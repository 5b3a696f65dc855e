/** Starts tctl. `tctl version` needs no command engine and answers without one. */
import { versionLine } from "#base/version.ts";
import { writeNow } from "#cli/write-now.ts";

void main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<void> {
  if (words.length === 1 && words[0] === "version") {
    const code = writeNow(`${versionLine()}\n`);
    if (code !== undefined) {
      process.exitCode = code;
      return;
    }
  }
  const [{ runMain }, { tctl }] = await Promise.all([
    import("#cli/main.ts"),
    import("./program.ts"),
  ]);
  await runMain(tctl);
}
