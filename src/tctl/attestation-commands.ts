/** The commands about the TPMs and boots of devices, as data like all of `commands.ts`. */
import { optional, required } from "#cli/argument.ts";
import { defineCommand } from "#cli/command.ts";
import { boolean, string } from "#cli/flag.ts";
import { formatFlag } from "#cli/output.ts";
import { deviceFlags } from "./commands.ts";

export const devicesApproveBoot = defineCommand({
  path: ["devices", "approve-boot"],
  summary:
    "accept what a device measured at its last boot, after its firmware or boot loader changed",
  example: "tctl devices approve-boot --asset-tag=C00AA0AAAA0A",
  flags: deviceFlags,
  run: () => import("./devices-approve-boot.ts"),
});

export const devicesEkcertInspect = defineCommand({
  path: ["devices", "ekcert", "inspect"],
  summary: "show a TPM's certificate, or the TPM of a device, and what this cluster makes of it",
  example: "tctl devices ekcert inspect ek.pem",
  arguments: { file: optional("certificate, PEM or DER, as read from the TPM") },
  flags: { ...deviceFlags, format: formatFlag },
  run: () => import("./devices-ekcert-inspect.ts"),
});

export const devicesEkcertAllow = defineCommand({
  path: ["devices", "ekcert", "allow"],
  summary: "add an authority to the list of those whose TPMs may enroll",
  example: "tctl devices ekcert allow vendor-root.pem",
  arguments: { file: required("certificates of authorities, PEM or DER") },
  run: () => import("./devices-ekcert-allow.ts"),
});

export const devicesEkcertLs = defineCommand({
  path: ["devices", "ekcert", "ls"],
  summary: "list the authorities whose TPMs may enroll",
  example: "tctl devices ekcert ls",
  flags: { format: formatFlag },
  run: () => import("./devices-ekcert-ls.ts"),
});

export const devicesEkcertBind = defineCommand({
  path: ["devices", "ekcert", "bind"],
  summary: "let a device enroll with one TPM only, named before it does",
  example: "tctl devices ekcert bind --asset-tag=C00AA0AAAA0A --file=ek.pem",
  flags: {
    ...deviceFlags,
    file: string("certificate of the TPM, PEM or DER", { placeholder: "FILE" }),
    keyHash: string("SHA-256 of its endorsement key", { placeholder: "HEX" }),
    serial: string("serial number of its certificate, as in 0a:1b", { placeholder: "HEX" }),
    clear: boolean("let it enroll with any TPM again"),
  },
  run: () => import("./devices-ekcert-bind.ts"),
});
