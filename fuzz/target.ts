/** What a fuzz target is, and the oracle that all of them share: an input is taken or refused with a `Fault`. */
import { faultInfo, isFault } from "#base/fault.ts";

/** A parser under attack. */
export interface Target {
  /** Short name, as in `--target NAME`. */
  readonly name: string;
  /** Longest input, in bytes: what the product lets a stranger send in one piece, or enough to hurt. */
  readonly maxLength: number;
  /** Words that mean something in the format. */
  readonly dictionary?: readonly (string | Uint8Array)[];
  /** Makes the well-formed inputs that mutation starts from, and what runs one input. */
  open(): Session | Promise<Session>;
}

/** A target that is ready to run. */
export interface Session {
  readonly seeds: readonly Uint8Array[];
  /**
   * Gives one input to the parser and checks the target's own oracles. Returns a short word for what happened; an
   * outcome that was not seen before makes the input worth mutating further. A {@link Fault} that is thrown is a
   * refusal, any other error is a find.
   */
  run(input: Uint8Array): string | Promise<string>;
  close?(): Promise<void> | void;
}

/** What one input led to. `find` is set when it broke something. */
export interface Outcome {
  readonly signature: string;
  readonly find?: unknown;
}

/** CPU time that one input may cost before it counts as a find; slow machines included. */
const cpuLimitMs = 1500;

/** Time after which an answer that never comes counts as a find. */
const hangMs = 20_000;

/** Runs one input and judges it. */
export async function judge(session: Session, input: Uint8Array): Promise<Outcome> {
  const before = process.threadCpuUsage();
  const outcome = await tryInput(session, input);
  if (outcome.find !== undefined) return outcome;
  const spent = process.threadCpuUsage(before);
  const ms = (spent.user + spent.system) / 1000;
  if (ms <= cpuLimitMs) return outcome;
  return { ...outcome, find: new RangeError(`${input.length} bytes cost ${Math.round(ms)} ms`) };
}

async function tryInput(session: Session, input: Uint8Array): Promise<Outcome> {
  try {
    const answer = session.run(input);
    return { signature: typeof answer === "string" ? answer : await withinTime(answer) };
  } catch (error) {
    if (isFault(error) && error.code !== "internal") {
      // Numbers and quoted input would make every refusal look new.
      const words = error.message.slice(0, 120).replace(/\d+|"[^"]*"?/g, "#");
      return { signature: `${faultInfo(error.code).grpc}:${words}` };
    }
    return { signature: "find", find: error };
  }
}

function withinTime(answer: Promise<string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new RangeError("the input never ends")), hangMs);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Text from bytes that need not be UTF-8: what a lenient edge hands on. */
export function textOf(input: Uint8Array): string {
  return new TextDecoder().decode(input);
}
