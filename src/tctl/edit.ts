/**
 * `tctl edit`: a resource in the person's editor. What was typed is never lost: on any failure the person may return
 * to the file, and when they give up the file stays and its path is printed.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Fault, isFault, messageOf } from "#base/fault.ts";
import type { Console } from "#cli/console.ts";
import { Interruption } from "#cli/prompt.ts";
import type { Resource } from "#resource/kinds.ts";
import { parseReference } from "#resource/reference.ts";
import { parseDocuments } from "#resource/yaml/documents.ts";
import { formatYaml } from "#resource/yaml/format.ts";
import type { AuthClient } from "./auth-client.ts";
import type { edit, Invocation } from "./commands.ts";
import { describe } from "./create.ts";
import { fetchResource } from "./get.ts";
import { withAuth } from "./services.ts";

/** Opens the editor, checks, updates with the revision that was read. */
export async function run(invocation: Invocation<typeof edit>): Promise<void> {
  const { args, console } = invocation;
  const reference = parseReference(args.resource);
  await withAuth(invocation, async (auth) => {
    const original = await fetchResource(auth, reference);
    const folder = await mkdtemp(join(console.env["TMPDIR"] ?? tmpdir(), "tctl-edit-"));
    const file = join(folder, `${original.kind}-${safeName(original)}.yaml`);
    await writeFile(file, formatYaml(original), { mode: 0o600, flag: "wx" });
    await editUntilSaved(invocation, auth, original, file);
    await rm(folder, { recursive: true });
  });
}

async function editUntilSaved(
  { services, console }: Invocation<typeof edit>,
  auth: AuthClient,
  original: Resource,
  file: string,
): Promise<void> {
  for (;;) {
    try {
      await services.editFile(file, console);
      const text = await readFile(file, "utf8");
      if (text === formatYaml(original)) {
        console.print("Nothing was changed.");
        return;
      }
      const edited = readEdited(text, original, file);
      await auth.update(edited);
      console.print(`${describe(edited)} has been updated`);
      return;
    } catch (error) {
      try {
        await askWhetherToReturn(explain(error, original), console);
      } catch (final) {
        throw await keepWhatWasTyped(final, file, original);
      }
    }
  }
}

/** The one document of the file. Throws what is wrong with it. */
function readEdited(text: string, original: Resource, file: string): Resource {
  const resources = parseDocuments(text, { source: file });
  const [edited, other] = resources;
  if (edited === undefined || other !== undefined) {
    throw new Fault("invalid", `${file} must hold exactly one resource`);
  }
  if (edited.kind !== original.kind || edited.metadata.name !== original.metadata.name) {
    throw new Fault("invalid", "kind and name cannot be changed", {
      hint: "to make another resource of it: tctl create FILE",
    });
  }
  // A deleted revision line must not turn the conditional update into an unconditional one.
  const revision = edited.metadata.revision ?? original.metadata.revision;
  return { ...edited, metadata: { ...edited.metadata, revision } } as Resource;
}

function explain(error: unknown, original: Resource): unknown {
  if (!isFault(error, "conflict")) return error;
  return new Fault("conflict", `${describe(original)} was changed by somebody else meanwhile`, {
    hint: `see the stored one: tctl get ${original.kind}/${original.metadata.name}`,
    cause: error,
  });
}

/** Shows the failure and asks. Throws what the command ends with when the person gives up or nobody can be asked. */
async function askWhetherToReturn(error: unknown, console: Console): Promise<void> {
  // Another text would not help against these.
  if (!isFault(error) || error instanceof Interruption) throw error;
  if (error.code === "conflict" || error.code === "environment") throw error;
  console.note(`ERROR: ${error.message}`);
  if (error.hint !== undefined) console.note(`hint: ${error.hint}`);
  let answer: "e" | "a";
  try {
    answer = await console.prompt.choose("What now?", { e: "edit again", a: "abort" });
  } catch {
    throw error;
  }
  if (answer === "a") throw new Fault("canceled", "nothing was changed");
}

/** The failure, with the place of the text if the person has typed any; an untouched file is removed. */
async function keepWhatWasTyped(
  error: unknown,
  file: string,
  original: Resource,
): Promise<unknown> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined || text === formatYaml(original)) {
    await rm(dirname(file), { recursive: true, force: true });
    return error;
  }
  const hint = [isFault(error) ? error.hint : undefined, `your text is kept in ${file}`];
  return new Fault(isFault(error) ? error.code : "internal", messageOf(error), {
    hint: hint.filter(Boolean).join("\n"),
    cause: error,
  });
}

function safeName(resource: Resource): string {
  return resource.metadata.name.replace(/[^\w.-]/g, "_").slice(0, 100);
}
