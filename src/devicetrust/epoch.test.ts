/** Two copies of a device part ways, and the second to come is found; nothing else is taken for a copy. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { systemRandom } from "#base/random.ts";
import { assertRefused } from "../../test/support/refusals.ts";
import {
  beginEpoch,
  checkShownEpoch,
  type EpochMark,
  type EpochVerdict,
  judgeEpoch,
  newSecret,
  newSeries,
  receiptOf,
  type ShownEpoch,
} from "./epoch.ts";

const asked = newSeries(systemRandom);
const empty = new Uint8Array(0);

/** What a client keeps on disk; a copy of the disk is a copy of this. */
interface Disk {
  current?: Uint8Array;
  receipt?: Uint8Array;
  next?: Uint8Array;
}

/** What the client of this disk shows now. */
function show(disk: Disk): ShownEpoch {
  disk.next ??= newSecret(systemRandom);
  return { current: disk.current, receipt: disk.receipt, next: disk.next };
}

/** The client has the answer. */
function confirm(disk: Disk, mark: EpochMark): void {
  disk.current = disk.next ?? assert.fail();
  disk.receipt = receiptOf(mark);
  delete disk.next;
}

function judge(mark: EpochMark | undefined, shown: ShownEpoch | undefined): EpochVerdict {
  return judgeEpoch(mark, shown, { asked, random: systemRandom });
}

function goesOn(verdict: EpochVerdict): EpochMark {
  assert.equal(verdict.kind, "goes-on");
  return verdict.kind === "goes-on" ? verdict.mark : assert.fail();
}

/** A device after its enrollment and one authentication. */
function enrolled(): { disk: Disk; mark: EpochMark } {
  const disk: Disk = {};
  let mark = beginEpoch(asked, show(disk), systemRandom);
  confirm(disk, mark);
  mark = goesOn(judge(mark, show(disk)));
  confirm(disk, mark);
  return { disk, mark };
}

test("a device that shows its epoch each time goes on", () => {
  let { disk, mark } = enrolled();
  for (let i = 0; i < 5; i++) {
    mark = goesOn(judge(mark, show(disk)));
    confirm(disk, mark);
  }
  assert.equal(mark.count, 6);
});

test("of two copies the second to come is found, whichever it is", () => {
  for (const first of ["original", "copy"]) {
    const { disk: original, mark } = enrolled();
    const copy = { ...original };
    const [early, late] = first === "original" ? [original, copy] : [copy, original];
    const moved = goesOn(judge(mark, show(early)));
    assert.equal(judge(moved, show(late)).kind, "copied");
  }
});

test("a copy that was made while an answer was on its way is found one step later", () => {
  const { disk, mark } = enrolled();
  show(disk);
  const copy = { ...disk };
  let moved = goesOn(judge(mark, show(disk)));
  confirm(disk, moved);
  moved = goesOn(judge(moved, show(copy)));
  confirm(copy, moved);
  moved = goesOn(judge(moved, show(copy)));
  assert.equal(judge(moved, show(disk)).kind, "copied");
});

test("a hostile copy cannot make the epoch stand still by offering the secret in force again", () => {
  const { disk, mark } = enrolled();
  const { current, receipt } = disk;
  const inForce = current ?? assert.fail();
  for (const shown of [
    { current, receipt, next: inForce },
    { current: undefined, receipt: undefined, next: inForce },
    { current: newSecret(systemRandom), receipt, next: inForce },
  ]) {
    assert.equal(judge(mark, shown).kind, "copied");
  }
});

test("an answer that was lost is repeated, and is no copy", () => {
  const { disk, mark } = enrolled();
  const first = goesOn(judge(mark, show(disk)));
  const again = goesOn(judge(first, show(disk)));
  assert.deepEqual(again, first);
  confirm(disk, again);
  assert.equal(goesOn(judge(again, show(disk))).count, first.count + 1);
});

test("an answer that never arrived is repeated, and is no copy", () => {
  const { disk, mark } = enrolled();
  show(disk);
  assert.equal(goesOn(judge(mark, show(disk))).count, mark.count + 1);
});

test("a first answer that was lost is repeated, too", () => {
  const disk: Disk = {};
  const first = goesOn(judge(undefined, show(disk)));
  assert.deepEqual(goesOn(judge(first, show(disk))), first);
});

test("a device that is ahead of a restored store goes on, with a warning; its copy does not", () => {
  const { disk, mark: backup } = enrolled();
  const copy = { ...disk };
  let mark = backup;
  for (let i = 0; i < 3; i++) {
    mark = goesOn(judge(mark, show(disk)));
    confirm(disk, mark);
  }
  const verdict = judge(backup, show(disk));
  assert.match(verdict.kind === "goes-on" ? (verdict.warning ?? "") : "", /restored from a backup/);
  mark = goesOn(verdict);
  assert.equal(mark.count, backup.count + 4);
  assert.equal(judge(mark, show(copy)).kind, "copied");
});

test("a receipt is good for its own secret, series and count only", () => {
  const { disk, mark } = enrolled();
  const later = goesOn(judge(mark, show(disk)));
  const next = newSecret(systemRandom);
  const forged = { ...later, count: later.count + 9 };
  const foreign = { ...forged, receiptKey: Buffer.alloc(32).toString("base64") };
  const other = { ...forged, series: Buffer.alloc(16).toString("base64") };
  const current = newSecret(systemRandom);
  for (const receipt of [forged, foreign, other].map(receiptOf)) {
    assert.equal(judge(mark, { current, next, receipt }).kind, "copied");
  }
  const raised = receiptOf(later);
  raised[3] = 200;
  assert.equal(judge(mark, { current: disk.next, next, receipt: raised }).kind, "copied");
});

test("an epoch that has begun cannot be left out, nor begun anew", () => {
  const { mark } = enrolled();
  assert.equal(judge(mark, undefined).kind, "missing");
  assert.equal(judge(mark, show({})).kind, "missing");
});

test("a client that has never shown an epoch needs none", () => {
  assert.equal(judge(undefined, undefined).kind, "none");
});

test("what has not its length is refused before it is looked at", () => {
  const next = newSecret(systemRandom);
  const good = { current: next, next, receipt: new Uint8Array(36) };
  assert.deepEqual(checkShownEpoch(good), good);
  const bare = checkShownEpoch({ current: empty, next, receipt: empty });
  assert.deepEqual(bare, { current: undefined, next, receipt: undefined });
  for (const [field, length] of [
    ["next", 0],
    ["next", 31],
    ["next", 33],
    ["current", 31],
    ["current", 4096],
    ["receipt", 35],
    ["receipt", 37],
  ] as const) {
    const sent = { ...good, [field]: new Uint8Array(length) };
    assertRefused("bad_request", () => checkShownEpoch(sent));
  }
});

/** How an attempt may end: its message or the answer to it is lost, or all goes well. */
const attempts = fc.array(fc.constantFrom("lost", "unanswered", "done"), { maxLength: 12 });

/** Plays attempts of one disk; gives the mark after them, or undefined when the disk was taken for a copy. */
function play(disk: Disk, mark: EpochMark, story: readonly string[]): EpochMark | undefined {
  let current = mark;
  for (const end of story) {
    const shown = show(disk);
    if (end === "lost") continue;
    const verdict = judge(current, shown);
    if (verdict.kind === "copied") return undefined;
    current = goesOn(verdict);
    if (end === "done") confirm(disk, current);
  }
  return current;
}

test("whatever is lost, a device that has no copy is never taken for one", () => {
  fc.assert(
    fc.property(attempts, (story) => {
      const { disk, mark } = enrolled();
      assert.ok(play(disk, mark, story));
    }),
  );
});

test("whenever it was copied, one of two that both go on is found at its second authentication at the latest", () => {
  fc.assert(
    fc.property(attempts, attempts, attempts, (before, first, second) => {
      const { disk, mark } = enrolled();
      const copied = play(disk, mark, before) ?? assert.fail();
      const other = { ...disk };
      const one = play(disk, copied, [...first, "done", "done"]);
      assert.ok(one, "the first of the two knows of no other");
      assert.equal(play(other, one, [...second, "done"]), undefined);
    }),
  );
});
