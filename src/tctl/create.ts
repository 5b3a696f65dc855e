/** `tctl create` */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Fault, isFault } from "#base/fault.ts";
import type { Console } from "#cli/console.ts";
import { kindInfo, orderForCreation, type Resource } from "#resource/kinds.ts";
import { parseLocatedDocuments } from "#resource/yaml/documents.ts";
import type { AuthClient } from "./auth-client.ts";
import type { create, Invocation } from "./commands.ts";
import { withAuth } from "./services.ts";

/** Largest file: a few thousand nodes. */
const maxBytes = 16 * 1024 * 1024;
/** Calls under way at once. */
const parallel = 16;

/** Reads and checks every document first, then creates them, those that others name before those that name them. */
export async function run(invocation: Invocation<typeof create>): Promise<void> {
  const { args, flags, console } = invocation;
  const text = await readInput(args.file, console);
  const source = args.file ?? "-";
  const lines = parseLocatedDocuments(text, { source, maxBytes });
  const resources = orderForCreation([...lines.keys()]);
  await withAuth(invocation, async (auth) => {
    for (const batch of batchesOf(resources)) {
      const outcomes = await Promise.allSettled(
        batch.map((resource) =>
          createOne(auth, resource, flags.force, args.file).catch((error: unknown) => {
            throw lines.size === 1 ? error : atPlace(error, `${source}:${lines.get(resource)}`);
          }),
        ),
      );
      // What was created is said before the first failure, so that nobody has to guess how far it went.
      for (const outcome of outcomes) {
        if (outcome.status === "fulfilled") console.print(outcome.value);
      }
      const failed = outcomes.find((outcome) => outcome.status === "rejected");
      if (failed) throw failed.reason;
    }
  });
}

/** The failure of one of several documents says which. */
function atPlace(error: unknown, place: string): unknown {
  if (!isFault(error)) return error;
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  return new Fault(error.code, `${place}: ${error.message}`, { ...hint, cause: error });
}

/** Creates one resource and says so. */
async function createOne(
  auth: AuthClient,
  resource: Resource,
  force: boolean,
  file: string | undefined,
): Promise<string> {
  const { kind } = resource;
  if (kindInfo(kind).singleton !== undefined) {
    return announce(await auth.upsert(withoutRevision(resource)), "updated");
  }
  if (force) {
    const what = (await isKnownUser(auth, resource)) ? "updated" : "created";
    return announce(await auth.upsert(withoutRevision(resource)), what);
  }
  try {
    return announce(await auth.create(withoutRevision(resource)), "created");
  } catch (error) {
    if (!isFault(error, "already-exists")) throw error;
    throw new Fault("already-exists", `${describe(resource)} already exists`, {
      hint: `to replace it: tctl create -f ${file ?? "-"}`,
      cause: error,
    });
  }
}

/** Only for users the reference says whether a forced write replaced one. */
async function isKnownUser(auth: AuthClient, { kind, metadata }: Resource): Promise<boolean> {
  if (kind !== "user") return false;
  try {
    await auth.get(kind, metadata.name);
    return true;
  } catch (error) {
    if (isFault(error, "not-found")) return false;
    throw error;
  }
}

function announce(resource: Resource, what: string): string {
  return `${describe(resource)} has been ${what}`;
}

/** `role "access"`; a resource that exists once needs no name, a device is known by its tag. */
export function describe(resource: Resource): string {
  const { kind } = resource;
  if (kindInfo(kind).singleton !== undefined) return kind;
  return `${kind} "${kind === "device" ? resource.spec.asset_tag : resource.metadata.name}"`;
}

/** An unconditional write: the revision that an exported file carries is that of another time. */
function withoutRevision(resource: Resource): Resource {
  const { revision: _, ...metadata } = resource.metadata;
  return { ...resource, metadata } as Resource;
}

/** Runs of documents of one kind, cut into batches that may be created side by side. */
function batchesOf(resources: readonly Resource[]): readonly (readonly Resource[])[] {
  const batches: Resource[][] = [];
  for (const resource of resources) {
    const last = batches.at(-1);
    if (last && last.length < parallel && last[0]?.kind === resource.kind) last.push(resource);
    else batches.push([resource]);
  }
  return batches;
}

async function readInput(file: string | undefined, console: Console): Promise<string> {
  if (file === undefined || file === "-") {
    if (file === undefined && console.interactive) {
      throw new Fault("usage", "no file given", { hint: "for example: tctl create -f role.yaml" });
    }
    return console.readStdin(maxBytes);
  }
  try {
    return await readFile(resolve(console.cwd, file), "utf8");
  } catch (error) {
    const sentences: Readonly<Record<string, string>> = {
      ENOENT: `there is no file ${file}`,
      EISDIR: `${file} is a folder, not a file`,
      EACCES: `you may not read ${file}`,
    };
    const { code = "" } = error as NodeJS.ErrnoException;
    const sentence = sentences[code] ?? `cannot read ${file}: ${code || "unknown error"}`;
    throw new Fault("environment", sentence, { cause: error });
  }
}
