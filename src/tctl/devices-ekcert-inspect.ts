/** `tctl devices ekcert inspect`: one certificate, or the TPM of one device, in words. */
import { X509Certificate } from "node:crypto";
import { Fault, isFault } from "#base/fault.ts";
import type { Console } from "#cli/console.ts";
import { printAs } from "#cli/output.ts";
import { judgeEndorsement } from "#tpm/endorsement.ts";
import { cutPadding, parseEndorsementCertificate } from "#tpm/endorsement-certificate.ts";
import { chainsToAuthority, type EndorsementAuthorities } from "#tpm/endorsement-chain.ts";
import type { DeviceAttestation, DeviceBoot } from "./attestation-calls.ts";
import type { devicesEkcertInspect } from "./attestation-commands.ts";
import { readCertificates } from "./certificate-file.ts";
import type { Invocation } from "./commands.ts";
import { describeAuthority, oneLine, readAuthorities } from "./devices-ekcert-ls.ts";
import { readDeviceFlags, resolveDevice } from "./find-device.ts";
import { withAuth } from "./services.ts";

type InspectInvocation = Invocation<typeof devicesEkcertInspect>;
type Row = readonly [string, string];

/** Prints the certificates of the file and what the cluster makes of them, or what is known of the device. */
export async function run(invocation: InspectInvocation): Promise<void> {
  const { args, flags } = invocation;
  const { deviceId, assetTag, currentDevice } = flags;
  const named = deviceId !== undefined || assetTag !== undefined || currentDevice;
  if (args.file === undefined) return inspectDevice(invocation);
  if (!named) return inspectFile(invocation, args.file);
  throw new Fault("usage", "name a file or a device, not both", {
    hint: "for example: tctl devices ekcert inspect ek.pem",
  });
}

async function inspectFile(invocation: InspectInvocation, file: string): Promise<void> {
  const { console, flags, services } = invocation;
  const certificates = await readCertificates(file, console);
  const authorities = await withAuth(invocation, readAuthorities);
  const found = certificates.map((der) => describe(der, authorities, services.clock.now()));
  await printAs(console, flags.format, found, () => {
    for (const [index, each] of found.entries()) {
      if (index > 0) console.print();
      printRows(console, rowsOf(each));
    }
  });
}

/** What a certificate says, and what this cluster makes of it. */
function describe(bytes: Uint8Array, authorities: EndorsementAuthorities, now: Date) {
  const der = cutPadding(bytes);
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(der);
  } catch (cause) {
    throw new Fault("invalid", "the certificate cannot be read", { cause });
  }
  const common = { ...describeAuthority(certificate), issued_at: issuerUrl(certificate) };
  if (certificate.ca) {
    const listed = authorities.some((each) => each.fingerprint256 === certificate.fingerprint256);
    const chains = !listed && chainsToAuthority(certificate, authorities, now);
    const standing = chains ? "not listed, but issued by a listed authority" : "not listed";
    return { ...common, kind: "authority", cluster: listed ? "listed" : standing } as const;
  }
  const { serial, usages, manufacturer, model, version } = parseEndorsementCertificate(der);
  return {
    ...common,
    kind: "endorsement certificate",
    manufacturer: manufacturer === undefined ? "" : nameMaker(manufacturer),
    model: model ?? "",
    tpm_firmware: version ?? "",
    serial,
    usages: usages ?? [],
    ...judge(der, authorities, now),
  } as const;
}

/** The verdict of the function that judges enrollments. */
function judge(der: Uint8Array, authorities: EndorsementAuthorities, at: Date) {
  try {
    const { attestationType, key, publicKeyHash } = judgeEndorsement(
      { certificate: der },
      { authorities, at },
    );
    const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
    const type = `${key.asymmetricKeyType} ${modulusLength ?? namedCurve}`;
    return { key: type, key_hash: publicKeyHash, cluster: `accepted as ${attestationType}` };
  } catch (error) {
    if (!isFault(error)) throw error;
    const { why, reason } = error.audit;
    return { key: "", key_hash: "", cluster: `refused: ${why ?? error.message} (${reason})` };
  }
}

function rowsOf(found: ReturnType<typeof describe>): Row[] {
  const subject: Row[] = [
    ["Certificate:", found.kind],
    ["Subject:", found.subject],
  ];
  const tpm: Row[] =
    found.kind === "authority"
      ? []
      : [
          ["TPM maker:", found.manufacturer],
          ["TPM model:", found.model],
          ["TPM firmware:", found.tpm_firmware],
          ["Serial:", found.serial],
          ["Key:", found.key],
          ["Key hash:", found.key_hash],
          ["Usages:", found.usages.join(", ")],
        ];
  return [
    ...subject,
    ...tpm,
    ["Issuer:", found.issuer],
    ["Issuer's file:", found.issued_at],
    ["Valid:", `${found.not_before} to ${found.not_after}`],
    ["SHA-256:", found.sha256],
    ["This cluster:", found.cluster],
  ];
}

async function inspectDevice(invocation: InspectInvocation): Promise<void> {
  const { flags, services, console } = invocation;
  const target = await readDeviceFlags(flags, services, console);
  const known = await withAuth(invocation, async (auth) => {
    const { metadata } = await resolveDevice(auth, target);
    return auth.deviceAttestation(metadata.name);
  });
  await printAs(console, flags.format, asJson(known), () =>
    printRows(console, rowsOfDevice(known)),
  );
}

function asJson({ assetTag, osType, attestationType, signingHash, ...known }: DeviceAttestation) {
  const { endorsement: tpm, bound, lastBoot, refusedBoot, baseline } = known;
  const asBoot = ({ seen, eventLog, unexplainedPcrs, secureBoot, firmware, pcrs }: DeviceBoot) => ({
    ...{ seen, event_log: eventLog, unexplained_pcrs: unexplainedPcrs, secure_boot: secureBoot },
    ...{ firmware, pcrs },
  });
  return {
    ...{ asset_tag: assetTag, os_type: osType, device_attestation_type: attestationType },
    signing_hash: signingHash,
    ...(tpm && {
      endorsement: {
        ...{ key_hash: tpm.keyHash, serial: tpm.certificateSerial, issuer: tpm.issuer },
        ...{ manufacturer: tpm.manufacturer, model: tpm.model, tpm_firmware: tpm.firmwareVersion },
      },
    }),
    bound: { key_hash: bound.keyHash, serial: bound.certificateSerial },
    ...(lastBoot && { last_boot: asBoot(lastBoot) }),
    ...(refusedBoot && { refused_boot: asBoot(refusedBoot) }),
    baseline,
  };
}

function rowsOfDevice({
  assetTag,
  attestationType,
  endorsement: tpm,
  signingHash,
  bound,
  lastBoot,
  refusedBoot,
  baseline,
}: DeviceAttestation): Row[] {
  const changed = (boot: DeviceBoot | undefined) =>
    Object.entries(boot?.pcrs ?? {})
      .filter(([pcr, value]) => baseline[Number(pcr)] !== value)
      .map(([pcr]) => pcr)
      .join(", ");
  return [
    ["Device:", assetTag],
    ["Attestation:", attestationType || "not enrolled"],
    ["TPM maker:", tpm ? nameMaker(tpm.manufacturer) : ""],
    ["TPM model:", tpm?.model ?? ""],
    ["TPM firmware:", tpm?.firmwareVersion ?? ""],
    ["Serial:", tpm?.certificateSerial ?? ""],
    ["Key hash:", tpm?.keyHash ?? ""],
    ["Issuer:", oneLine(tpm?.issuer)],
    ["Signs with:", signingHash],
    ["Bound to:", [bound.keyHash, bound.certificateSerial].filter(Boolean).join(" ")],
    ["Last boot:", lastBoot ? describeBoot(lastBoot) : ""],
    ["Firmware:", lastBoot?.firmware ?? ""],
    ["Changed PCRs:", changed(lastBoot)],
    ["Refused boot:", refusedBoot ? describeBoot(refusedBoot) : ""],
    ["Its firmware:", refusedBoot?.firmware ?? ""],
    ["Its changes:", refusedBoot ? `PCR ${changed(refusedBoot) || "none"}` : ""],
  ];
}

function describeBoot({ seen, eventLog, secureBoot }: DeviceBoot): string {
  return `${seen?.toISOString() ?? ""}, event log ${eventLog}, Secure Boot ${secureBoot}`;
}

function printRows(console: Console, rows: readonly Row[]): void {
  const shown = rows.filter(([, right]) => right !== "");
  const width = Math.max(...shown.map(([left]) => left.length));
  for (const [left, right] of shown) console.print(`${left.padEnd(width)}  ${right}`);
}

/** "id:49424D00 (IBM)": makers are named by up to four letters in hexadecimal (TCG Vendor ID Registry). */
function nameMaker(maker: string): string {
  const [, digits = ""] = /^id:([0-9a-fA-F]{8})$/.exec(maker) ?? [];
  const letters = Buffer.from(digits, "hex")
    .toString("latin1")
    .replace(/[\0 ]+$/, "");
  return /^[\x21-\x7e]{1,4}$/.test(letters) ? `${maker} (${letters})` : maker;
}

/** Where the issuer's own certificate can be had (RFC 5280 section 4.2.2.1); nothing is fetched. */
function issuerUrl({ infoAccess }: X509Certificate): string {
  return /^CA Issuers - URI:(\S+)$/m.exec(infoAccess ?? "")?.[1] ?? "";
}
