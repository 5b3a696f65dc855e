/** Holds the .proto files against the facts of the public API, and `src/gen` against the .proto files. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import {
  createRegistry,
  type DescField,
  type DescFile,
  type DescMethod,
  type Registry,
  ScalarType,
} from "@bufbuild/protobuf";

const root = new URL("..", import.meta.url).pathname;

/** Every generated file's descriptor. */
async function loadRegistry(): Promise<Registry> {
  const files: DescFile[] = [];
  for (const file of globSync("src/gen/**/*_pb.ts", { cwd: root })) {
    const module: Record<string, { kind?: string }> = await import(`${root}${file}`);
    for (const value of Object.values(module)) {
      if (value?.kind === "file") files.push(value as DescFile);
    }
  }
  return createRegistry(...files);
}

/** Rows of the facts with a given first column. */
function factsOf(kind: string): string[][] {
  const lines = ["wire-facts", "device-trust-facts"].flatMap((name) =>
    readFileSync(`${root}test/vectors/${name}.tsv`, "utf8").split("\n"),
  );
  return lines.map((line) => line.split("\t")).filter((row) => row[0] === kind);
}

interface FieldKind {
  readonly scalar?: ScalarType | undefined;
  readonly message?: unknown;
  readonly enum?: unknown;
}

/** A field's type in the notation of the facts, without packages. */
function typeOf(field: DescField): string {
  const single = (kind: FieldKind) => {
    const named = (kind.message ?? kind.enum) as { name: string } | undefined;
    return named?.name ?? ScalarType[kind.scalar ?? 0]?.toLowerCase() ?? "";
  };
  if (field.fieldKind === "list") return `repeated ${single(field)}`;
  if (field.fieldKind === "map") return `map<string,${single(field)}>`;
  return single(field);
}

/** The same for a fact: packages and the outer names of nested types go. */
function factType(type: string): string {
  return type.replace(/[\w.]+\.(\w+)/g, "$1");
}

test("every field has the number, name, type and oneof of the public API", async () => {
  const registry = await loadRegistry();
  const facts = factsOf("FIELD");
  assert.ok(facts.length > 1300);
  assert.ok(facts.some(([, message]) => message === "teleport.devicetrust.v1.AssertDeviceInit"));
  const wrong: string[] = [];
  for (const [, message = "", number, name = "", type = "", oneof = ""] of facts) {
    const field = registry.getMessage(message)?.fields.find((f) => f.number === Number(number));
    const seen = field && [field.name, typeOf(field), field.oneof?.name ?? ""];
    // Fields that were seen in Go code only may be missing; those that are there keep their name.
    if (type.startsWith("go:") ? seen && seen[0] !== name : !sameField(seen, name, type, oneof)) {
      wrong.push(`${message} ${number}: want ${name} ${type} ${oneof}, have ${seen}`);
    }
  }
  assert.deepEqual(wrong, []);
});

function sameField(seen: string[] | undefined, name: string, type: string, oneof: string): boolean {
  return seen?.[0] === name && seen[1] === factType(type) && seen[2] === oneof;
}

test("every enum value has the number and name of the public API", async () => {
  const registry = await loadRegistry();
  const wrong = factsOf("ENUM").filter(([, type = "", number, name]) => {
    const value = registry.getEnum(type)?.values.find((v) => v.number === Number(number));
    return value?.name !== name;
  });
  assert.deepEqual(wrong, []);
});

test("every method has the path, the messages and the streams of the public API", async () => {
  const registry = await loadRegistry();
  const wrong = factsOf("METHOD").filter(([, path = "", request = "", response = ""]) => {
    const [, service = "", name] = path.split("/");
    const method = registry.getService(service)?.methods.find((m) => m.name === name);
    return !method || shapeOf(method) !== `${factMessage(request)} ${factMessage(response)}`;
  });
  assert.deepEqual(wrong, []);
});

function shapeOf(method: DescMethod): string {
  const { methodKind: kind } = method;
  const streamsIn = kind === "client_streaming" || kind === "bidi_streaming";
  const streamsOut = kind === "server_streaming" || kind === "bidi_streaming";
  return `${streamsIn ? "stream " : ""}${method.input.name} ${streamsOut ? "stream " : ""}${method.output.name}`;
}

function factMessage(type: string): string {
  return type.replace(/[\w.]+\./, "");
}

test("the facts cannot be met by accident: a wrong number is noticed", async () => {
  const registry = await loadRegistry();
  const field = registry.getMessage("types.Metadata")?.fields.find((f) => f.number === 8);
  assert.ok(field);
  assert.ok(sameField([field.name, typeOf(field), ""], "Revision", "string", ""));
  assert.ok(!sameField([field.name, typeOf(field), ""], "Revision", "bytes", ""));
  assert.ok(!sameField(undefined, "Revision", "string", ""));
});

test("src/gen is what the .proto files generate now", () => {
  const out = mkdtempSync(join(tmpdir(), "gatehouse-gen-"));
  try {
    const bin = `${root}node_modules/.bin`;
    const env = { ...process.env, PATH: `${bin}${delimiter}${process.env["PATH"]}` };
    execFileSync(`${bin}/buf`, ["generate", "--output", out], { cwd: root, env, stdio: "pipe" });
    const fresh = filesBelow(`${out}/src/gen`);
    assert.deepEqual([...filesBelow(`${root}src/gen`).keys()], [...fresh.keys()]);
    for (const [name, text] of filesBelow(`${root}src/gen`)) {
      assert.ok(text === fresh.get(name), `${name} is stale: run npm run generate`);
    }
  } finally {
    rmSync(out, { recursive: true });
  }
});

function filesBelow(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  const files = names.filter((name) => name.endsWith(".ts"));
  return new Map(files.map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}
