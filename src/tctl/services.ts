/** What the commands of tctl work with besides their arguments: the cluster, time, randomness, this machine. */
import { type Clock, systemClock } from "#base/clock.ts";
import { Fault, isFault } from "#base/fault.ts";
import { type Random, systemRandom } from "#base/random.ts";
import type { Console } from "#cli/console.ts";
import type { FlagValues } from "#cli/flag.ts";
import type { OsType } from "#resource/device.ts";
import type { AuthClient } from "./auth-client.ts";
import type { sharedFlags } from "./shared.ts";

/** The values of the flags that every command takes. */
export type SharedFlags = FlagValues<typeof sharedFlags>;

/** The machine that tctl runs on, as a device. */
export interface CurrentDevice {
  readonly osType: OsType;
  readonly assetTag: string;
}

/** Given to every command; tests give fakes. */
export interface Services {
  readonly clock: Clock;
  readonly random: Random;
  /** Connects as the flags and the environment say. The caller closes. */
  connectAuth(shared: SharedFlags, console: Console): Promise<AuthClient>;
  /** Reads this machine's asset tag. */
  currentDevice(console: Console): Promise<CurrentDevice>;
  /** Runs the person's editor on a file and waits for it. */
  editFile(file: string, console: Console): Promise<void>;
}

/** The real ones. Everything heavy is imported when it is called. */
export function machineServices(): Services {
  return {
    clock: systemClock,
    random: systemRandom,
    async connectAuth(shared, console) {
      const { connectAuth } = await import("./connect.ts");
      return connectAuth(shared, console.env);
    },
    async currentDevice(console) {
      const { readCurrentDevice } = await import("./current-device.ts");
      return readCurrentDevice(console);
    },
    async editFile(file, console) {
      const { runEditor } = await import("./editor.ts");
      return runEditor(file, console);
    },
  };
}

/** Connects, calls `use`, and closes, however `use` ends. */
export async function withAuth<T>(
  { services, shared, console }: { services: Services; shared: SharedFlags; console: Console },
  use: (auth: AuthClient) => Promise<T>,
): Promise<T> {
  const auth = await services.connectAuth(shared, console);
  try {
    return await use(auth);
  } catch (error) {
    if (!isFault(error, "unimplemented") || error.hint !== undefined) throw error;
    throw new Fault("unimplemented", `this cluster does not offer that: ${error.message}`, {
      hint: "compare the versions: tctl version; tctl status",
      cause: error,
    });
  } finally {
    await auth.close();
  }
}
