/** When to stop: Ctrl-C, which the command engine turns into an abort, or SIGTERM from a service manager. */

/** Resolves when the process is asked to stop. */
export function stopRequested(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
    process.once("SIGTERM", () => resolve());
    if (signal.aborted) resolve();
  });
}
