/** `tctl get` */
import { Fault, isFault } from "#base/fault.ts";
import type { Console } from "#cli/console.ts";
import { printTable } from "#cli/table.ts";
import type { Device } from "#resource/device.ts";
import { kinds, type Resource } from "#resource/kinds.ts";
import type { Node } from "#resource/node.ts";
import { parseReferences, type ResourceReference } from "#resource/reference.ts";
import type { Token } from "#resource/token.ts";
import type { User } from "#resource/user.ts";
import { formatJson, formatYamlDocuments } from "#resource/yaml/format.ts";
import type { AuthClient } from "./auth-client.ts";
import type { get, Invocation } from "./commands.ts";
import { findDevice } from "./find-device.ts";
import { explainMissing } from "./missing.ts";
import { withAuth } from "./services.ts";

/** Prints what was asked for, in the order in which it was asked for. */
export async function run(invocation: Invocation<typeof get>): Promise<void> {
  const { args, console, flags, services } = invocation;
  const references =
    args.resources === "all" ? kinds.map((kind) => ({ kind })) : parseReferences(args.resources);
  const resources = await withAuth(invocation, async (auth) => {
    const found: Resource[] = [];
    for (const reference of references) {
      try {
        found.push(...(await fetchResources(auth, reference)));
      } catch (error) {
        // Whoever asks for everything wants what there is.
        if (args.resources !== "all" || !isFault(error, "unimplemented")) throw error;
        console.note(`this cluster has no resources of the kind ${reference.kind}`);
      }
    }
    return found;
  });
  if (flags.format === "json") console.print(formatJson(resources));
  else if (flags.format === "yaml") console.write(formatYamlDocuments(resources));
  else await printText(console, resources, services.clock.now());
}

/** The resources that a reference names. Throws `not-found` for a name without a resource. */
export async function fetchResources(
  auth: AuthClient,
  { kind, name, subKind }: ResourceReference,
): Promise<readonly Resource[]> {
  if (name === undefined) return auth.list(kind);
  return [await fetchResource(auth, { kind, name, ...(subKind !== undefined && { subKind }) })];
}

/** The one resource that a reference names. Devices are found by id or asset tag. */
export async function fetchResource(
  auth: AuthClient,
  { kind, name, subKind }: ResourceReference,
): Promise<Resource> {
  if (name === undefined) {
    throw new Fault("usage", `name one ${kind}`, { hint: `write ${kind}/name` });
  }
  if (kind !== "device") {
    return auth.get(kind, name, subKind).catch((error: unknown) => explainMissing(kind, error));
  }
  const found = await findDevice(auth, name);
  return auth.get("device", found.metadata.name);
}

/** One table per kind. */
async function printText(
  console: Console,
  resources: readonly Resource[],
  now: Date,
): Promise<void> {
  for (const kind of new Set(resources.map((resource) => resource.kind))) {
    const same = resources.filter((resource) => resource.kind === kind);
    if (kind === "user") {
      (await import("./users-ls.ts")).printUsers(console, same as User[]);
    } else if (kind === "token") {
      (await import("./tokens-ls.ts")).printTokens(console, same as Token[], now);
    } else if (kind === "device") {
      (await import("./devices-ls.ts")).printDevices(console, same as Device[]);
    } else if (kind === "node") {
      (await import("./nodes-ls.ts")).printNodes(console, same as Node[], true);
    } else {
      printTable(
        console,
        ["Kind", "Name", "Description"],
        same.map(({ metadata }) => [kind, metadata.name, metadata.description ?? ""]),
      );
    }
  }
}
