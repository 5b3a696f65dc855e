/**
 * What names of statements and portals may stand for at the server. A change counts for certain once the server answered it,
 * or for what follows it in its own batch: a server that fails skips all up to the next Sync. Until then a name stands for
 * all that it may.
 */
import { Fault } from "#base/fault.ts";
import { serverTypes } from "./messages.ts";

interface Change {
  readonly names: Names;
  readonly name: string;
  readonly texts: readonly string[];
  readonly closes: boolean;
  readonly isPortal: boolean;
  /** The batch in which it is certain; undefined where the server may have dropped it alone. */
  readonly batch: number | undefined;
  /** It counts for certain. */
  answered: boolean;
}

/** Names of one kind, each with the changes that may be the one that counts, the oldest first. */
export type Names = Map<string, Change[]>;

/** Names of a kind that a client may have at once. */
const mostNames = 1000;
/** Texts that a name may stand for at once, when it is used. */
const mostCandidates = 16;
/** Changes that the server has not answered yet: programs that load data send many before they read. */
const mostWaiting = 50_000;
/** Characters of statements that no answer was seen for. */
const mostText = 1 << 25;

/** Follows both sides of one session. */
export class OpenNames {
  readonly statements: Names = new Map();
  readonly portals: Names = new Map();
  #waiting: Change[] = [];
  /** How many that wait were sent before the last end of a batch. */
  #sealed = 0;
  /** Ends of batches that the server has not answered with ReadyForQuery; never fewer than it will. */
  #ends = 0;
  #batch = 0;
  /** Characters of statements that wait, or that waited in vain. */
  #held = 0;
  /** A simple query may be a COPY, which drops one message and goes on with the next. */
  #queried = false;
  /** The server failed, and which answer is for what is not known until all batches are over. */
  #lost = false;
  /** Since then it answered something: some that wait did happen. */
  #answeredSince = false;

  /** The name may stand for these texts from now on; a name that `closes` stands for nothing known. */
  change(names: Names, name: string, texts: readonly string[], closes: boolean): void {
    const batch = this.#queried ? undefined : this.#batch;
    const isPortal = names === this.portals;
    const change = { names, name, texts, closes, isPortal, batch, answered: false };
    const before = names.get(name) ?? [];
    before.push(change);
    names.set(name, before);
    this.#waiting.push(change);
    this.#held += textLength(change);
    if (names.size > mostNames) throw tooMany("names of statements or portals");
    const most = Math.max(before.length, this.#waiting.length);
    if (most > mostWaiting || this.#held > mostText) {
      throw tooMany("statements that the server has not answered");
    }
  }

  /** All that the name may stand for; `unknown` is what stands for what was never seen. */
  find(names: Names, name: string, unknown: string): readonly string[] {
    const changes = names.get(name) ?? [];
    const last = changes.at(-1);
    if (last === undefined) return [unknown];
    if (last.batch === this.#batch) return last.texts;
    // To look through very many for each use would keep other sessions waiting.
    if (changes.length > mostNames) throw tooMany("changes of one name");
    // A name whose first change failed may be one that SQL made.
    const older = changes[0]?.answered === true ? [] : [unknown];
    const texts = [...new Set([...older, ...changes.flatMap((change) => change.texts)])];
    if (texts.length > mostCandidates) throw tooMany("texts for one name");
    return texts;
  }

  /** The client ended a batch: with a Sync, or with what is one of its own. */
  endBatch(queries: boolean): void {
    this.#batch++;
    this.#ends++;
    this.#sealed = this.#waiting.length;
    if (queries) this.#queried = true;
  }

  /** Looks at a message of the server. */
  answer(type: number, body: Buffer): void {
    if (type === serverTypes.error) this.#lost = true;
    else if (type === serverTypes.ready) this.#ready(body[0] === 0x49);
    else if (completes.has(type)) {
      if (this.#lost) this.#answeredSince = true;
      else this.#complete();
    }
  }

  #complete(): void {
    const change = this.#waiting.shift();
    if (change === undefined) return;
    this.#held -= textLength(change);
    if (this.#sealed > 0) this.#sealed--;
    const { names, name, closes } = change;
    const changes = names.get(name) ?? [];
    changes.splice(0, Math.max(0, changes.indexOf(change)));
    change.answered = true;
    if (closes && changes.length === 1) names.delete(name);
  }

  #ready(idle: boolean): void {
    this.#ends--;
    if (this.#ends > 0) return;
    this.#ends = 0;
    // A COPY may have dropped what came after it: only the next end tells that its answer is not to come.
    if (this.#lost && this.#queried && this.#waiting.length > this.#sealed) return;
    // What was sent before and has no answer was skipped: none will come.
    const ended = this.#waiting.splice(0, this.#sealed);
    if (!this.#answeredSince) this.#undo(ended);
    this.#sealed = 0;
    this.#lost = false;
    this.#answeredSince = false;
    this.#queried = false;
    // Portals end with their transaction.
    if (idle && this.#waiting.length === 0) this.portals.clear();
  }

  /** What a server skipped changed nothing. */
  #undo(skipped: readonly Change[]): void {
    const gone = new Set(skipped);
    for (const { names, name } of gone) {
      const changes = names.get(name) ?? [];
      const last = changes.at(-1);
      // All of a name go with the first of them. Where a newer one waits they stay: that costs a report, and hides none.
      if (last === undefined || !gone.has(last)) continue;
      const left = changes.filter((other) => !gone.has(other));
      for (const change of changes) if (gone.has(change)) this.#held -= textLength(change);
      if (left.length > 0) names.set(name, left);
      else names.delete(name);
    }
  }
}

const completes: ReadonlySet<number> = new Set([
  serverTypes.parseComplete,
  serverTypes.bindComplete,
  serverTypes.closeComplete,
]);

/** Messages of the server that are for this. */
export const answerTypes: ReadonlySet<number> = new Set([
  ...completes,
  serverTypes.error,
  serverTypes.ready,
]);

/** Portals hold no texts of their own: theirs are those of statements. */
function textLength({ isPortal, texts }: Change): number {
  return isPortal ? 0 : texts.reduce((sum, text) => sum + text.length, 0);
}

function tooMany(what: string): Fault {
  return new Fault("limit", `too many ${what} at once`, {
    hint: "close prepared statements that are not needed, and begin anew",
  });
}
