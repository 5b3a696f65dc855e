/** How the programs that developers run answer `--help` and mistakes. */
import process from "node:process";

/**
 * What `read` makes of the command line. `--help` prints `usage` and ends with 0; an error of `read` names the mistake and
 * ends with 2.
 */
export function readOptions<T>(usage: string, read: () => T): T {
  if (process.argv.includes("--help") || process.argv.includes("-h")) {
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  }
  try {
    return read();
  } catch (error) {
    process.stderr.write(`ERROR: ${(error as Error).message}\n${usage}\n`);
    process.exit(2);
  }
}
