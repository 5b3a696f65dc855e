import assert from "node:assert/strict";
import { test } from "node:test";
import { formatWelcome } from "#daemon/welcome.ts";

const welcome = {
  clusterName: "example",
  proxy: "localhost:3080",
  dataDir: "/srv/data",
  nodename: "ip-172-31-35-170",
  user: "myuser",
  login: "root",
};

test("the first start shows the link and every command of the guide with its real names", () => {
  const text = formatWelcome({ ...welcome, invitation: "https://localhost:3080/web/invite/x" });
  for (const line of [
    "  https://localhost:3080/web/invite/x",
    "  tsh login --proxy=localhost:3080 --user=myuser --insecure",
    "  tsh ssh root@ip-172-31-35-170",
    "  tctl edit role/access",
    "  tsh device enroll --current-device",
  ]) {
    assert.ok(text.split("\n").includes(line), line);
  }
});

test("a later start shows no link", () => {
  const text = formatWelcome(welcome);
  assert.ok(!text.includes("/web/invite/"));
  assert.match(text, /tsh login --proxy=localhost:3080 --user=myuser$/);
});

test("a later start without the administrator of the first names nobody", () => {
  const text = formatWelcome({ ...welcome, isGone: true });
  assert.match(text, /as one of: bin\/tctl --data-dir=\/srv\/data users ls$/m);
  assert.match(text, /tsh login --proxy=localhost:3080 --user=NAME$/);
});
