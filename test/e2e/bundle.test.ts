/** The bundles in `dist/` do what the sources do, also with what they load only when a command needs it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { before, test } from "node:test";

const root = join(import.meta.dirname, "../..");

before(() => {
  execFileSync(process.execPath, ["tools/build.ts"], { cwd: root });
});

function run(program: string, args: readonly string[], env: Record<string, string> = {}): string {
  return execFileSync(process.execPath, [join(root, program), ...args], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

for (const name of ["tsh", "tctl"]) {
  for (const format of ["text", "json", "yaml"]) {
    test(`the bundle of ${name} prints its version as ${format}`, () => {
      const args = ["version", `--format=${format}`];
      assert.equal(run(`dist/${name}/main.cjs`, args), run(`src/${name}/main.ts`, args));
    });
  }
}

test("the bundle of tsh reads a profile that another program wrote in its own way", () => {
  const home = mkdtempSync(join(tmpdir(), "bundle-"));
  try {
    mkdirSync(join(home, "keys"));
    writeFileSync(join(home, "current-profile"), "proxy.example.com\n");
    const document = "{ web_proxy_addr: 'proxy.example.com:443', user: 'alice' }\n";
    writeFileSync(join(home, "proxy.example.com.yaml"), document);
    const status = (program: string) => {
      try {
        return run(program, ["status"], { TELEPORT_HOME: home });
      } catch (error) {
        return String((error as { stderr: unknown }).stderr);
      }
    };
    const said = status("dist/tsh/main.cjs");
    assert.equal(said, status("src/tsh/main.ts"));
    assert.match(said, /alice|log in/iu);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
