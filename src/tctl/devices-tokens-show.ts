/** `tctl devices tokens show` */
import { printAs } from "#cli/output.ts";
import type { devicesTokensShow, Invocation } from "./commands.ts";
import { osNames } from "./device-text.ts";
import { presentToken } from "./enroll-token-text.ts";
import { formatExpiry, formatTimeUtc } from "./format.ts";
import { withAuth } from "./services.ts";

/** Prints what is known of one token. Its secret is not: it was shown once, when the token was made. */
export async function run(invocation: Invocation<typeof devicesTokensShow>): Promise<void> {
  const { args, console, flags, services } = invocation;
  const token = await withAuth(invocation, (auth) => auth.getEnrollToken(args.id));
  const now = services.clock.now();
  await printAs(console, flags.format, presentToken(token), () => {
    const { osType, assetTag, created } = token;
    const device = osType === undefined ? assetTag : `${assetTag} (${osNames[osType]})`;
    console.print(`Token:       ${token.id}`);
    console.print(`Device:      ${device}, ${token.deviceId}`);
    console.print(`Created by:  ${token.createdBy}${created ? `, ${formatTimeUtc(created)}` : ""}`);
    console.print(`Expires:     ${formatExpiry(token.expires, now)}`);
    console.print(
      token.onlyFor === undefined
        ? "Enrolls:     whoever may enroll devices, once"
        : `Enrolls:     only ${token.onlyFor}, at a login by auto-enrollment, once`,
    );
    console.print(`Revoke with: tctl devices tokens rm ${token.id}`);
  });
}
