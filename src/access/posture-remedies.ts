/**
 * What the person can do about a fact that a posture rule did not like, by fact: while it has a value, and while it is not
 * known. The rule decides what would be right; these sentences say where the fact comes from and how it changes.
 */
import type { LookedAt, PostureFact } from "#expression/posture.ts";

interface Remedy {
  readonly known: string;
  readonly unknown: string;
}

const another = "use another device, or ask an administrator";
const fromMachine = "a login tells the cluster what this machine runs now: tsh login";
const inventory = "ask an administrator, who sees it with: tctl get device/ASSET-TAG";
const sync = "it changes with the next sync of the device management (MDM)";

const remedies: Readonly<Record<PostureFact, Remedy>> = {
  os: { known: another, unknown: another },
  os_version: {
    known: "update the operating system, then: tsh login",
    unknown: fromMachine,
  },
  os_build: {
    known: "update the operating system, then: tsh login",
    unknown: fromMachine,
  },
  os_id: { known: another, unknown: fromMachine },
  model: { known: another, unknown: fromMachine },
  asset_tag: { known: another, unknown: another },
  attestation: {
    known: "it changes only when the device is enrolled again, with a TPM that the cluster trusts",
    unknown: another,
  },
  secure_boot: {
    known: "switch Secure Boot on in the firmware's settings, restart, then: tsh login",
    unknown:
      "this machine did not prove how it booted; see whether its event log is readable: tsh device doctor",
  },
  source: { known: inventory, unknown: inventory },
  origin: { known: inventory, unknown: inventory },
  owner: { known: "use a device of your own, or ask an administrator", unknown: inventory },
  data_age: {
    known: "the device proves itself anew at a login: tsh login",
    unknown: "the device proves itself at a login: tsh login",
  },
  profile_age: { known: sync, unknown: `no device management (MDM) describes it; ${inventory}` },
  profile_agrees: {
    known: `tsh device collect and tctl get device/ASSET-TAG show the difference; ${sync}`,
    unknown: `no device management (MDM) describes it; ${inventory}`,
  },
};

/** What to do about the facts that a rule looked at, each sentence once. */
export function remediesFor(facts: readonly LookedAt[], assetTag: string): string[] {
  const sentences = facts.map(({ fact, value }) => {
    const { known, unknown } = remedies[fact];
    return (value === undefined ? unknown : known).replaceAll("ASSET-TAG", assetTag);
  });
  return [...new Set(sentences)];
}
