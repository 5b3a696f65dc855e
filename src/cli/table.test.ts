import assert from "node:assert/strict";
import { test } from "node:test";
import { formatLabels, formatTable } from "#cli/table.ts";

test("pads every column, the last one too, and ends each line with a space", () => {
  assert.equal(
    formatTable(["User", "Roles"], [["alice", "access,editor,auditor"]]),
    "User  Roles                 \n----- --------------------- \nalice access,editor,auditor \n",
  );
});

test("shows the header alone when there is nothing to list", () => {
  assert.equal(formatTable(["Node Name", "Labels"], []), "Node Name Labels \n--------- ------ \n");
});

test("cuts long cells as the reference does: a fair share for each column, the rest for labels", () => {
  const rows = [
    ["node-1950", "001de15a-27eb-4e00-aaaa-000000000000", "127.0.0.1:21950", "env=dev,i=0", ""],
  ];
  assert.equal(
    formatTable(["Host", "UUID", "Public Address", "Labels", "Version"], rows, {
      column: "Labels",
      width: 80,
    }),
    [
      "Host      UUID                Public Address  Labels      Version ",
      "--------- ------------------- --------------- ----------- ------- ",
      "node-1950 001de15a-27eb-4e... 127.0.0.1:21950 env=dev,i=0         ",
      "",
    ].join("\n"),
  );
});

test("counts a wide character as two columns and a combining mark as none", () => {
  const text = formatTable(
    ["A", "B"],
    [
      ["漢字", "x"],
      ["e\u0301", "⟵ Tunnel"],
    ],
  );
  assert.equal(text, "A    B        \n---- -------- \n漢字 x        \ne\u0301    ⟵ Tunnel \n");
});

test("does not let a cell forge a row or move the cursor", () => {
  assert.equal(formatTable(["A"], [["x\ny\u001b[2J"]]).split("\n").length, 4);
  assert.ok(!formatTable(["A"], [["\u001b[2J\u009b"]]).includes("\u001b"));
});

test("sorts labels by key", () => {
  assert.equal(formatLabels({ b: "2", a: "1" }), "a=1,b=2");
  assert.equal(formatLabels(undefined), "");
});
