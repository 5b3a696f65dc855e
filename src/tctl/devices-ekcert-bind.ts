/** `tctl devices ekcert bind` */
import { Fault } from "#base/fault.ts";
import { judgeEndorsement } from "#tpm/endorsement.ts";
import type { EndorsementBinding } from "./attestation-calls.ts";
import type { devicesEkcertBind } from "./attestation-commands.ts";
import { readCertificates } from "./certificate-file.ts";
import type { Invocation } from "./commands.ts";
import { readDeviceFlags, resolveDevice } from "./find-device.ts";
import { withAuth } from "./services.ts";

type BindInvocation = Invocation<typeof devicesEkcertBind>;

/** Binds the record to the TPM that the flags name. */
export async function run(invocation: BindInvocation): Promise<void> {
  const { flags, services, console } = invocation;
  const target = await readDeviceFlags(flags, services, console);
  const binding = await readBinding(invocation);
  await withAuth(invocation, async (auth) => {
    const { metadata, spec } = await resolveDevice(auth, target);
    await auth.bindEndorsementKey(metadata.name, binding);
    console.print(
      flags.clear
        ? `Device "${spec.asset_tag}" may enroll with any TPM.`
        : `Device "${spec.asset_tag}" enrolls with this TPM only.`,
    );
    if (!flags.clear && spec.enroll_status === "enrolled") {
      console.note("hint: it is enrolled and stays so; the binding counts when it enrolls again");
    }
  });
}

async function readBinding({
  flags,
  services,
  console,
}: BindInvocation): Promise<EndorsementBinding> {
  const { file, keyHash, serial, clear } = flags;
  const named = keyHash !== undefined || serial !== undefined;
  if ([clear, file !== undefined, named].filter(Boolean).length !== 1) {
    throw new Fault("usage", "name the TPM by --file, by --key-hash and --serial, or use --clear", {
      hint: "for example: tctl devices ekcert bind --asset-tag=TAG --file=ek.pem",
    });
  }
  if (file === undefined) return { keyHash: keyHash ?? "", certificateSerial: serial ?? "" };
  const [certificate] = await readCertificates(file, console);
  if (certificate === undefined) throw new Fault("invalid", `${file} holds no certificate`);
  // Whether its maker is listed is decided when the device enrolls.
  const found = judgeEndorsement({ certificate }, { authorities: [], at: services.clock.now() });
  return { keyHash: found.publicKeyHash, certificateSerial: found.certificate?.serial ?? "" };
}
