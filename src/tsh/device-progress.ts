/** The progress of work in which this machine's TPM may be asked: says so when it is the TPM that is waited for. */
import type { Console } from "#cli/console.ts";
import type { Progress } from "#cli/progress.ts";
import type { ClusterAccess } from "#client/access.ts";
import type { OnTpmBusy } from "#client/device/tpm-busy.ts";
import { openAccess } from "#client/open-access.ts";
import type { StoredLogin } from "#client/profile/logins.ts";
import type { TshServices } from "./context.ts";

/** A progress that can be told of the TPM. An update after a stop shows it again. */
export interface DeviceProgress extends Progress {
  readonly onTpmBusy: OnTpmBusy;
}

const busyLabel = "Waiting for the TPM: it is busy";

/** Starts one. After the wait for the TPM its own label is back. */
export function showDeviceProgress(
  console: Pick<Console, "progress">,
  label: string,
): DeviceProgress {
  let current = label;
  let waiting = false;
  let progress: Progress | undefined = console.progress(label);
  const show = () => progress?.update(waiting ? busyLabel : current);
  return {
    update(next) {
      current = next;
      progress ??= console.progress(next);
      show();
    },
    stop() {
      progress?.stop();
      progress = undefined;
    },
    onTpmBusy(busy) {
      waiting = busy;
      show();
    },
  };
}

/** Opens the cluster of a login under a progress that goes on: stop it, and close the access, when done. */
export async function openAccessShown(
  {
    console,
    services,
  }: { readonly console: Pick<Console, "progress">; readonly services: TshServices },
  login: StoredLogin,
  label: string,
): Promise<{ readonly access: ClusterAccess; readonly progress: DeviceProgress }> {
  const progress = showDeviceProgress(console, label);
  try {
    return { access: await openAccess(login, services.agent, progress.onTpmBusy), progress };
  } catch (error) {
    progress.stop();
    throw error;
  }
}
