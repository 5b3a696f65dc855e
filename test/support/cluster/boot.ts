/** Boots of a machine with a virtual TPM: a power cycle of the TPM, then what the firmware measures, and its log of that. */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { startUp } from "#tpm/commands/capabilities.ts";
import { encodeEventLog, type TestEvent } from "../event-log.ts";
import { withTpm } from "../real-tpm-key.ts";
import { measureEvent } from "../tpm-provisioning.ts";
import type { Machine } from "./machine.ts";

const run = promisify(execFile);

/** Starts the machine anew. Its firmware measures `events`; the log says `logged`, which an honest one has the same. */
export async function bootMachine(
  machine: Machine,
  events: readonly TestEvent[],
  logged: readonly TestEvent[] = events,
): Promise<void> {
  const { tpm } = machine;
  const log = machine.env["GATEHOUSE_EVENT_LOG"];
  if (tpm === undefined || log === undefined) throw new Error("the machine logs no boots");
  await machine.endAgent();
  await run("swtpm_ioctl", ["--unix", `${tpm.socket}.ctrl`, "-i"]);
  await withTpm(tpm, async (client) => {
    await client.run(startUp());
    for (const event of events) await client.run(measureEvent(event));
  });
  await writeFile(log, encodeEventLog(logged));
}
