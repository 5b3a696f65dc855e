/**
 * Reads the config file: its text, its shape, and what it needs, with every problem at its line and
 * column.
 */
import { readFileSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { Fault } from "#base/fault.ts";
import { checkValue } from "#resource/problem.ts";
import { type Diagnostic, formatDiagnostic } from "#resource/yaml/diagnostic.ts";
import { locateProblems } from "#resource/yaml/documents.ts";
import { readYaml } from "#resource/yaml/read.ts";
import type { GatehouseConfig } from "./config.ts";
import { type ConfigSurroundings, resolveConfig } from "./resolve.ts";
import { configFile } from "./schema.ts";

/** Either the config or everything that is wrong with its text. */
export type CheckedConfig =
  | { readonly config: GatehouseConfig; readonly diagnostics: readonly [] }
  | { readonly config?: undefined; readonly diagnostics: readonly Diagnostic[] };

/** The file that is read where the person names none. */
export const usualConfigFile = "/etc/gatehouse.yaml";

/** Checks the text of a config file, and that the files it names can be read. */
export function checkConfig(text: string, surroundings: ConfigSurroundings): CheckedConfig {
  const file = surroundings.source;
  const { documents, diagnostics } = readYaml(text, { source: file });
  if (diagnostics.length > 0) return { diagnostics };
  const [document, second] = documents;
  if (document === undefined) {
    const message = "the config file is empty";
    const suggestion = "write one with: gatehouse configure";
    return { diagnostics: [{ file, line: 1, column: 1, message, suggestion }] };
  }
  if (second !== undefined) {
    const message = "a config file is one document, not several";
    return { diagnostics: [{ file, ...second.locate([], "value"), message }] };
  }
  const checked = checkValue(configFile, document.value);
  if (checked.problems !== undefined) {
    return { diagnostics: locateProblems(checked.problems, document, file) };
  }
  const { config, problems } = resolveConfig(checked.value, surroundings);
  if (problems.length === 0) return { config, diagnostics: [] };
  return { diagnostics: locateProblems(problems, document, file) };
}

/**
 * The config of a file, or of no file at all: every default. Throws `usage` that lists every
 * problem.
 */
export function loadConfig(path: string | undefined, dataDir?: string): GatehouseConfig {
  const readText = (name: string): string => readFileSync(name, "utf8");
  const source = path ?? "(no config file)";
  const text = path === undefined ? "version: v3" : readConfigText(path, readText);
  const environment = process.env;
  const checked = checkConfig(text, {
    source,
    hostname: hostname(),
    dataDir,
    readText,
    environment,
  });
  if (checked.config !== undefined) return checked.config;
  throw new Fault("usage", checked.diagnostics.map(formatDiagnostic).join("\n"), {
    ...(path === undefined
      ? {}
      : { hint: `check the file again with: gatehouse configure --check --config=${path}` }),
  });
}

function readConfigText(path: string, readText: (path: string) => string): string {
  try {
    if (statSync(path).size <= 1024 * 1024) return readText(path);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    const why = code === "ENOENT" ? "does not exist" : `cannot be read (${code || "unknown"})`;
    throw new Fault("usage", `the config file ${path} ${why}`, {
      hint: "write one with: gatehouse configure",
      cause,
    });
  }
  throw new Fault("usage", `the config file ${path} is larger than 1 MiB`);
}
