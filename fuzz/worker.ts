/** The thread in which a campaign runs, so that an input that never ends can be seen and stopped from outside. */
import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "#base/fault.ts";
import { runCampaign } from "./campaign.ts";
import { targets } from "./targets.ts";

/** What the worker is told. `shared` holds a counter, the length of the present input, and the input. */
export interface WorkerTask {
  readonly target: string;
  readonly seed: number;
  readonly ms: number;
  readonly shared: SharedArrayBuffer;
}

/** What the worker says at its end. */
export interface WorkerReport {
  readonly inputs: number;
  readonly outcomes: number;
  readonly find?: { readonly input: Uint8Array; readonly error: string };
}

/** Bytes before the input in the shared memory. */
export const sharedHeader = 8;

if (parentPort !== null) {
  const { target: name, seed, ms, shared } = workerData as WorkerTask;
  const target = targets.find((each) => each.name === name);
  if (target === undefined) throw new RangeError(`no target ${name}`);
  const head = new Int32Array(shared, 0, 2);
  const place = new Uint8Array(shared, sharedHeader);
  const limits = { until: performance.now() + ms };
  const { inputs, outcomes, find } = await runCampaign(target, seed, limits, (input) => {
    place.set(input);
    Atomics.store(head, 1, input.length);
    Atomics.add(head, 0, 1);
  });
  const report: WorkerReport = {
    ...{ inputs, outcomes },
    ...(find === undefined ? {} : { find: { input: find.input, error: describe(find.error) } }),
  };
  parentPort.postMessage(report);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
}
