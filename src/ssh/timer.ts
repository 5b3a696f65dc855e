/** Waiting as an argument: protocol code is given a {@link StartTimer} and sets no timers of its own. */

/** Runs `run` once after `ms` milliseconds. Returns a function that cancels it. */
export type StartTimer = (ms: number, run: () => void) => () => void;

/** The machine's timers. A pending one does not keep the process alive. */
export const systemTimer: StartTimer = (ms, run) => {
  const timer = setTimeout(run, ms);
  timer.unref();
  return () => clearTimeout(timer);
};
