/** `tsh device enroll`: makes this machine a trusted device, and brings the current login up to date at once. */
import { Fault } from "#base/fault.ts";
import { obtainEnrollToken, runEnrollment } from "#client/ceremony/enroll.ts";
import { collectThisDevice, openThisDevice } from "#client/ceremony/this-device.ts";
import { refreshDevice } from "#client/device-login.ts";
import { describeOverrides } from "#client/device-state.ts";
import { openAuth } from "#client/open-auth.ts";
import { selectLogin, type TshInvocation } from "./context.ts";
import { showDeviceProgress } from "./device-progress.ts";
import { osNames } from "./os-names.ts";
import type { deviceEnroll } from "./program.ts";

/** Enrols with the given token, or registers the device and gets one. */
export async function run({
  flags,
  shared,
  console,
  services,
  signal,
}: TshInvocation<typeof deviceEnroll>): Promise<void> {
  if (flags.token === undefined && !flags.currentDevice) {
    throw new Fault("usage", "required flag --token not provided", {
      hint: "enroll this device with: tsh device enroll --current-device",
    });
  }
  const login = await selectLogin(services, shared);
  const warning = describeOverrides(services.env);
  if (warning !== undefined) console.note(warning);
  const progress = showDeviceProgress(console, "Talking to the TPM");
  const auth = await openAuth(login, signal);
  const device = await openThisDevice(services.env, progress.onTpmBusy);
  try {
    // The TPM is asked first: without it nothing is registered that could not be enrolled.
    await device.enrollInit();
    // Now sudo may ask for a password on the terminal.
    progress.stop();
    const data = await collectThisDevice(services.env, {
      program: services.program,
      ask: console.interactive,
    });
    progress.update("Enrolling this device");
    const { token, registered } = flags.token
      ? { token: flags.token, registered: false }
      : await obtainEnrollToken(auth, data);
    const name = `Device "${data.serialNumber}"/${osNames[data.osType ?? device.osType]}`;
    const enrolled = await runEnrollment(auth, device, data, token).catch((error: unknown) => {
      if (registered) console.print(`${name} registered`);
      throw error;
    });
    progress.stop();
    const done = `Device "${enrolled.assetTag}"/${osNames[enrolled.osType]}`;
    console.print(`${done} ${registered ? "registered and enrolled" : "enrolled"}`);
  } finally {
    progress.stop();
    await device.close();
    await auth.close();
  }
  const refreshing = showDeviceProgress(console, "Authenticating this device");
  const state = await refreshDevice(login, services.agent, refreshing.onTpmBusy).finally(() =>
    refreshing.stop(),
  );
  if (state.assetTag === undefined) {
    console.note(
      `WARNING: the login could not be refreshed: ${state.problem ?? "the device was not asked"}`,
    );
    const hint = state.hint ?? "log in again with: tsh logout; tsh login";
    for (const line of hint.split("\n")) console.note(`hint: ${line}`);
  }
}
