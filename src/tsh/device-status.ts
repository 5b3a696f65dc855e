/** `tsh device status`: how far this machine has come as a trusted device, and what to type next. */
import { isFault } from "#base/fault.ts";
import { printAs } from "#cli/output.ts";
import type { DeviceDescription } from "#client/ceremony/describe.ts";
import { describeOverrides } from "#client/device-state.ts";
import { type DeviceStatus, readDeviceStatus } from "#client/device-status.ts";
import { type MissingStep, missingSteps } from "#client/device-steps.ts";
import { findSelectedLogin, type TshInvocation } from "./context.ts";
import { showDeviceProgress } from "./device-progress.ts";
import { osNames } from "./os-names.ts";
import type { deviceStatus } from "./program.ts";

type Row = readonly [string, string];

/** Prints one fact per line, then what is missing. Exit code 0 whatever the facts are. */
export async function run({
  flags,
  shared,
  console,
  services,
  signal,
}: TshInvocation<typeof deviceStatus>): Promise<void> {
  const warning = describeOverrides(services.env);
  if (warning !== undefined) console.note(warning);
  const login = await findSelectedLogin(services, shared);
  const progress = showDeviceProgress(console, "Asking this machine and the cluster");
  const { env, agent } = services;
  const { onTpmBusy } = progress;
  const options = { env, agent: agent.place.id, now: services.now(), login, signal, onTpmBusy };
  const status = await readDeviceStatus(options).finally(() => progress.stop());
  const steps = missingSteps(status);
  await printAs(console, flags.format, asJson(status, steps), () => {
    const rows = describeStatus(status, steps);
    const width = Math.max(...rows.map(([left]) => left.length));
    for (const [left, right] of rows) console.print(`${left.padEnd(width)}  ${right}`);
  });
}

function describeStatus(status: DeviceStatus, steps: readonly MissingStep[]): Row[] {
  const { osType, assetTag, key, cluster } = status;
  const missing: Row[] = steps.flatMap(({ what, hint }): Row[] => [
    ["Missing:", what],
    ...(hint === "" ? [] : [["What helps:", hint] as const]),
  ]);
  return [
    ["Device:", `${assetTag || "no serial number"} (${osNames[osType]})`],
    ["Key:", keyText(key)],
    ["Login:", loginText(status)],
    ...(cluster === undefined || isFault(cluster) ? [] : clusterRows(status, cluster)),
    ...(missing.length === 0 ? ([["Missing:", "nothing"]] as const) : missing),
  ];
}

function keyText({ credentialId, damaged, problem }: DeviceStatus["key"]): string {
  if (damaged) return "a file that cannot be used";
  const unusable = problem === undefined ? "" : ", which cannot be used";
  return credentialId === undefined
    ? "none on this machine"
    : `credential ${credentialId}${unusable}`;
}

function loginText({ login }: DeviceStatus): string {
  if (login === undefined) return "nobody is logged in";
  const { user, proxy, device, validUntil } = login.summary;
  const who = `${user} at ${proxy}`;
  if (login.expired) return `${who}, expired at ${validUntil}`;
  return device === undefined ? `${who}, without a device` : `${who}, with ${device}`;
}

function clusterRows(status: DeviceStatus, cluster: DeviceDescription): Row[] {
  const { details } = cluster;
  const last = details?.lastAuthenticated?.toISOString() ?? "never";
  const known: readonly Row[] =
    status.assetTag === ""
      ? []
      : [
          ["Registered:", cluster.registered ? "yes" : "no"],
          ["Enrolled:", enrolledText(cluster)],
          ...(details === undefined ? [] : [["Last authenticated:", last] as const]),
        ];
  return [
    ...known,
    ["Demanded by:", demandText(cluster)],
    ["You may enroll:", permissionText(cluster)],
  ];
}

function enrolledText({ enrolled, owner, details, credentialMatches }: DeviceDescription): string {
  if (!enrolled) return "no";
  const by = owner === "you" ? "you" : details?.owner || owner || "nobody";
  if (credentialMatches) return `yes, by ${by}, with the key of this machine`;
  const other = details?.credentialId;
  return `yes, by ${by}, with another key${other === undefined ? "" : `: credential ${other}`}`;
}

function demandText({ clusterDemands, clusterMode, demandingRoles }: DeviceDescription): string {
  const cluster = clusterDemands ? [`the cluster (${demandOf(clusterMode)})`] : [];
  const roles = demandingRoles.map(({ role, mode }) => `role "${role}" (${demandOf(mode)})`);
  return [...cluster, ...roles].join(", ") || "nobody";
}

/** The mode, where it is what demands a device. */
function demandOf(mode: string): string {
  return mode.startsWith("required") ? mode : "posture rules";
}

function permissionText({ mayEnroll, mayEnrollAlone, autoEnroll }: DeviceDescription): string {
  if (mayEnrollAlone) return "yes";
  if (autoEnroll) return "once the device is registered, at the login";
  return mayEnroll ? "with a token from an administrator" : "no";
}

function asJson(status: DeviceStatus, steps: readonly MissingStep[]) {
  const { osType, assetTag, key, login, cluster } = status;
  return {
    device: {
      os_type: osType,
      asset_tag: assetTag,
      ...(key.credentialId === undefined ? {} : { credential_id: key.credentialId }),
    },
    ...(login === undefined
      ? {}
      : {
          login: {
            proxy: login.summary.proxy,
            user: login.summary.user,
            cluster: login.summary.cluster,
            valid_until: login.summary.validUntil,
            expired: login.expired,
            ...(login.summary.device === undefined
              ? {}
              : { device_asset_tag: login.summary.device }),
          },
        }),
    ...(cluster === undefined || isFault(cluster) ? {} : { cluster: clusterJson(cluster) }),
    missing: steps,
  };
}

function clusterJson({ details, ...cluster }: DeviceDescription) {
  return {
    registered: cluster.registered,
    enrolled: cluster.enrolled,
    ...(cluster.owner === undefined ? {} : { owned_by: cluster.owner }),
    ...(details === undefined
      ? {}
      : {
          owner: details.owner,
          ...(details.credentialId === undefined ? {} : { credential_id: details.credentialId }),
          ...(details.lastAuthenticated === undefined
            ? {}
            : { last_authenticated: details.lastAuthenticated.toISOString() }),
          ...(details.bootRefused === undefined
            ? {}
            : { boot_refused: details.bootRefused.toISOString() }),
        }),
    credential_matches: cluster.credentialMatches,
    ...(cluster.lock === undefined ? {} : { lock: cluster.lock }),
    device_trust_mode: cluster.clusterMode,
    cluster_demands: cluster.clusterDemands,
    demanding_roles: cluster.demandingRoles,
    unmet_rules: cluster.unmetRules,
    auto_enroll: cluster.autoEnroll,
    may_enroll: cluster.mayEnroll,
    may_enroll_alone: cluster.mayEnrollAlone,
  };
}
