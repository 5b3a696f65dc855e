/** The id of this machine in the cluster: a UUID made at the first start and kept in the data folder. */
import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import { type Random, uuid } from "#base/random.ts";
import { readFileIfThere, writePrivateFile } from "./files.ts";

const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Reads the id, or makes it. Throws `environment` when the file was damaged. */
export function settleHostId(dataDir: string, random: Random): string {
  const file = join(dataDir, "host_uuid");
  const kept = readFileIfThere(file)?.trim();
  if (kept === undefined) {
    const made = uuid(random);
    writePrivateFile(file, `${made}\n`);
    return made;
  }
  if (pattern.test(kept)) return kept;
  throw new Fault("environment", `${file} does not hold the id of this machine`, {
    hint: "restore the file from a backup; or remove it, and this machine becomes a new one",
  });
}
