import assert from "node:assert/strict";
import { test } from "node:test";
import { showable, showableJson } from "./showable.ts";

const hostile = "a\u001b]0;title\u0007b\u009b2Jc\rd\u007fe\u0000f";
/** Every character that a terminal acts on, but for line breaks and tabs. */
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

test("text of a server cannot move the cursor, nor hide what is before it", () => {
  assert.doesNotMatch(showable(hostile), controls);
  assert.equal(showable("one\ttwo\nthree é 漢"), "one\ttwo\nthree é 漢");
});

test("JSON reads the same without control characters", () => {
  const shown = showableJson(JSON.stringify({ hostile }));
  assert.doesNotMatch(shown, controls);
  assert.deepEqual(JSON.parse(shown), { hostile });
});
