/** When to stop: Ctrl-C, which the command engine turns into an abort, or SIGTERM from a service manager. */

/** Resolves when the process is asked to stop. */
export function stopRequested(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // An agent that waits for its proxy holds nothing open: the process must not end for that.
    const alive = setInterval(() => {}, 2 ** 30);
    const stop = () => {
      clearInterval(alive);
      resolve();
    };
    signal.addEventListener("abort", stop, { once: true });
    process.once("SIGTERM", stop);
    if (signal.aborted) stop();
  });
}
