/**
 * How programs end. `process.exit` joins the runtime's background threads at once, and one of them may at that moment
 * wait for the main thread to collect garbage: then the process hangs for ever (seen with Node 26.10.0 after copies of
 * some hundred megabytes). A process that runs out of work ends without that wait, so it gets the chance first.
 */

/** Handles of a finished command may hold the process for so long; the background threads are at rest by then. */
const lingerMs = 100;

/** Ends the process with an exit code as soon as nothing is left to do, at the latest after a moment. */
export function endProcess(code: number): void {
  process.exitCode = code;
  // Does not itself keep the process: it fires only when something else does.
  setTimeout(() => process.exit(code), lingerMs).unref();
}
