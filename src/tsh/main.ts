/** Where tsh starts: commands that must be fast take a short cut, everything else goes to the engine. */
import { runShortcut } from "./shortcut.ts";

void main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<void> {
  const code = await runShortcut(words, process.env);
  if (code !== undefined) {
    process.exitCode = code;
    return;
  }
  const { runEngine } = await import("./engine.ts");
  await runEngine(words);
}
