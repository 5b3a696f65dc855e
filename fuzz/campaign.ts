/**
 * One campaign against one target: mutate, run, keep what is new, stop at the first find. The corpus grows by inputs
 * whose outcome was not seen before, which stands in for coverage.
 */
import { utf8 } from "#base/bytes.ts";
import { mutate } from "./mutate.ts";
import { SeededNumbers } from "./random.ts";
import { judge, type Target } from "./target.ts";

/** How long to go on: a number of inputs, or until a moment. */
export interface CampaignLimits {
  readonly inputs?: number;
  /** As `performance.now()` counts. */
  readonly until?: number;
}

/** What a campaign found. */
export interface CampaignReport {
  readonly inputs: number;
  readonly outcomes: number;
  readonly find?: { readonly input: Uint8Array; readonly error: unknown };
}

/** Hears of every input before it runs, so that one that never ends can be told. */
export type Observer = (input: Uint8Array) => void;

const corpusLimit = 4096;

/** Runs a campaign. The same seed and the same code give the same inputs. */
export async function runCampaign(
  target: Target,
  seed: number,
  limits: CampaignLimits,
  observe: Observer = () => {},
): Promise<CampaignReport> {
  const session = await target.open();
  const numbers = new SeededNumbers(hashOf(`${seed}/${target.name}`));
  const dictionary = (target.dictionary ?? []).map((word) =>
    typeof word === "string" ? utf8(word) : word,
  );
  const corpus: Uint8Array[] = session.seeds.map((each) => new Uint8Array(each));
  const outcomes = new Set<string>();
  let inputs = 0;
  try {
    for (const next of sequence()) {
      observe(next);
      inputs++;
      const { signature, find } = await judge(session, next);
      if (find !== undefined) {
        return { inputs, outcomes: outcomes.size, find: { input: next, error: find } };
      }
      if (!outcomes.has(signature)) {
        outcomes.add(signature);
        if (inputs > session.seeds.length && corpus.length < corpusLimit) corpus.push(next);
      }
    }
    return { inputs, outcomes: outcomes.size };
  } finally {
    await session.close?.();
  }

  /** The seeds as they are, then mutations until a limit is reached. */
  function* sequence(): Generator<Uint8Array> {
    yield* session.seeds;
    const source = { numbers, corpus, dictionary };
    while (inputs < (limits.inputs ?? Number.POSITIVE_INFINITY)) {
      if (limits.until !== undefined && performance.now() >= limits.until) return;
      yield mutate(numbers.pick(corpus), source, target.maxLength);
    }
  }
}

/** FNV-1a in 64 bits: spreads seeds and names, nothing more. */
function hashOf(text: string): bigint {
  let hash = 0xcbf2_9ce4_8422_2325n;
  for (const byte of utf8(text)) {
    hash = ((hash ^ BigInt(byte)) * 0x100_0000_01b3n) & 0xffff_ffff_ffff_ffffn;
  }
  return hash;
}
