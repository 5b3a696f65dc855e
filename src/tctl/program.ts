/** The program `tctl`: its commands in the order in which help lists them. */

import { versionLine } from "#base/version.ts";
import { defineProgram } from "#cli/program.ts";
import * as attestation from "./attestation-commands.ts";
import * as commands from "./commands.ts";
import { machineServices } from "./services.ts";
import { sharedFlags } from "./shared.ts";

/** tctl. */
export const tctl = defineProgram({
  name: "tctl",
  summary: "administer a cluster",
  version: versionLine(),
  groups: {
    users: "manage users",
    tokens: "manage join tokens",
    devices: "manage trusted devices",
    "devices tokens": "manage enrollment tokens",
    locks: "see and remove locks",
    alerts: "tell people something at their login",
    audit: "read the audit log",
    nodes: "manage SSH servers",
    auth: "export the cluster's authorities",
  },
  shared: sharedFlags,
  services: machineServices,
  commands: [
    commands.status,
    commands.usersAdd,
    commands.usersLs,
    commands.usersUpdate,
    commands.usersReset,
    commands.usersRm,
    commands.tokensAdd,
    commands.tokensLs,
    commands.tokensRm,
    commands.get,
    commands.create,
    commands.edit,
    commands.rm,
    commands.devicesAdd,
    commands.devicesLs,
    commands.devicesImport,
    commands.devicesExport,
    commands.devicesRm,
    commands.devicesEnroll,
    commands.devicesTokensLs,
    commands.devicesTokensShow,
    commands.devicesTokensRm,
    commands.devicesLock,
    commands.devicesSimulate,
    attestation.devicesApproveBoot,
    attestation.devicesEkcertInspect,
    attestation.devicesEkcertAllow,
    attestation.devicesEkcertLs,
    attestation.devicesEkcertBind,
    commands.lock,
    commands.locksLs,
    commands.locksRm,
    commands.alertsLs,
    commands.alertsCreate,
    commands.alertsAck,
    commands.alertsAckLs,
    commands.auditLs,
    commands.explain,
    commands.nodesLs,
    commands.authExport,
    commands.authSign,
  ],
});
