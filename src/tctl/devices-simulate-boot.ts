/** `tctl devices simulate --measured-boot`: which enrolled devices a policy would refuse, before it is set. */
import { Fault } from "#base/fault.ts";
import type { Console } from "#cli/console.ts";
import { printAs } from "#cli/output.ts";
import { printTable } from "#cli/table.ts";
import type { AttestationPolicy } from "#resource/attestation-policy.ts";
import type { OsType } from "#resource/device.ts";
import { parseDocuments } from "#resource/yaml/documents.ts";
import type { BootSimulation, FailingDevice } from "./attestation-calls.ts";
import type { devicesSimulate, Invocation } from "./commands.ts";
import { osNames } from "./device-text.ts";
import { readInputFile } from "./input-file.ts";
import { withAuth } from "./services.ts";

const maxBytes = 1024 * 1024;

/** Reads the policy, asks, and prints the devices that fail, those that would be refused first. */
export async function simulateBoot(
  invocation: Invocation<typeof devicesSimulate>,
  file: string,
): Promise<void> {
  const { console, flags } = invocation;
  const policy = await readPolicy(file, console);
  const progress = console.progress("Trying the rules on every enrolled device");
  const simulation = await withAuth(invocation, (auth) =>
    auth.simulateMeasuredBoot(policy),
  ).finally(() => progress.stop());
  await printAs(console, flags.format, asJson(simulation), () =>
    printSimulation(console, file, simulation),
  );
}

function printSimulation(
  console: Console,
  file: string,
  { devices, totals }: BootSimulation,
): void {
  if (devices.length > 0) {
    const header = ["Asset Tag", "OS", "Owner", "Outcome", "Rule", "Why", "Seen"];
    const sorted = [...devices].sort((a, b) => rankOf(a) - rankOf(b));
    const rows = sorted.flatMap((device) =>
      device.findings.map(({ rule, mode, why }) => [
        device.assetTag,
        osNames[device.osType as OsType] ?? device.osType,
        device.owner,
        mode === "enforce" ? "refused" : "reported",
        rule,
        why,
        device.seen?.toISOString() ?? "never",
      ]),
    );
    printTable(console, header, rows);
    console.print();
  }
  const count = (number: number) => `${number} device${number === 1 ? "" : "s"}`;
  console.print(`Tried:      the rules of ${file} on ${count(totals.enrolled)}`);
  console.print(`Refused:    ${count(totals.refused)}`);
  console.print(`Reported:   ${count(totals.reported)}`);
  console.print(`Satisfied:  ${count(totals.satisfied)}`);
  console.print(`No rule:    ${count(totals.unconcerned)}`);
  console.note(
    totals.refused > 0
      ? "hint: a rule in the mode report refuses nobody: set it first, and mend what it finds"
      : `hint: nobody is refused; set the policy with: tctl create -f ${file}`,
  );
}

function rankOf({ findings }: FailingDevice): number {
  return findings.some(({ mode }) => mode === "enforce") ? 0 : 1;
}

function asJson({ devices, totals }: BootSimulation) {
  return {
    totals,
    devices: devices.map(({ id, assetTag, osType, owner, findings, seen }) => ({
      device_id: id,
      asset_tag: assetTag,
      os_type: osType,
      owner,
      outcome: findings.some(({ mode }) => mode === "enforce") ? "refused" : "reported",
      findings,
      ...(seen ? { seen: seen.toISOString() } : {}),
    })),
  };
}

async function readPolicy(file: string, console: Console): Promise<AttestationPolicy> {
  const text =
    file === "-"
      ? await console.readStdin(maxBytes)
      : (await readInputFile(file, console, maxBytes)).toString("utf8");
  const [policy, ...others] = parseDocuments(text, { source: file, maxBytes });
  if (policy?.kind === "attestation_policy" && others.length === 0) return policy;
  throw new Fault("invalid", `${file} must hold one attestation_policy and nothing else`, {
    hint: `begin with the one that is set: tctl get attestation_policy > ${file}`,
  });
}
