/** Writes a finished text to standard output without loading the stream modules, for commands that must start fast. */
import { writeSync } from "node:fs";

/**
 * Writes everything; gives the exit code. Undefined when nothing could be written: a reader that went away, or was never
 * there, is the engine's business.
 */
export function writeNow(text: string): number | undefined {
  if (process.env["GATEHOUSE_STDOUT"] === "closed") return undefined;
  const bytes = Buffer.from(text, "utf8");
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EAGAIN") continue;
      return at === 0 ? undefined : 1;
    }
  }
  return 0;
}
