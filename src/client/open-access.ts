/**
 * Chooses who does a command's work: a running agent; an agent started now, when a device's keys live in one; or this
 * process, with an agent started beside it so that the next command is fast.
 */
import { existsSync } from "node:fs";
import type { ClusterAccess } from "./access.ts";
import { AgentAccess } from "./agent/client.ts";
import { type AgentPlace, agentPlace } from "./agent/place.ts";
import type { AgentCommand } from "./agent/start.ts";
import type { OnTpmBusy } from "./device/tpm-busy.ts";
import { deviceKeyFile } from "./device-state.ts";
import type { StoredLogin } from "./profile/logins.ts";
import { certificateStamp } from "./profile/summary.ts";

/** Where commands find their agent, and how one is started. */
export interface AgentSettings {
  readonly place: AgentPlace;
  /** Undefined: never start one. */
  readonly command: AgentCommand | undefined;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * The settings for a profile folder. `GATEHOUSE_AGENT=off` keeps commands to themselves. So does Windows: its pipes have no
 * file permissions, and nothing here could tell our agent from a program that took its name first.
 */
export function agentSettings(
  folder: string,
  env: NodeJS.ProcessEnv,
  command: AgentCommand | undefined,
): AgentSettings {
  const off = env["GATEHOUSE_AGENT"] === "off" || process.platform === "win32";
  return { place: agentPlace(folder, env), command: off ? undefined : command, env };
}

/**
 * Opens the cluster of a login. Close it when done. `onTpmBusy` hears of waits for the TPM, in this process or an agent.
 */
export async function openAccess(
  login: StoredLogin,
  settings: AgentSettings,
  onTpmBusy?: OnTpmBusy,
): Promise<ClusterAccess> {
  const { place, command, env } = settings;
  if (command !== undefined) {
    const running = await AgentAccess.open(place, login.key.host, onTpmBusy);
    if (running !== undefined) return running;
    if (existsSync(deviceKeyFile(env))) {
      const { ensureAgent } = await import("./agent/start.ts");
      await ensureAgent(place, command, env);
      const started = await AgentAccess.open(place, login.key.host, onTpmBusy);
      if (started !== undefined) return started;
    }
  }
  return openDirect(login, settings, onTpmBusy);
}

/** Opens the cluster of a login in this process. */
export async function openDirect(
  login: StoredLogin,
  { command, place, env }: AgentSettings,
  onTpmBusy?: OnTpmBusy,
): Promise<ClusterAccess> {
  const { DirectAccess } = await import("./direct-access.ts");
  const { thisDevice } = await import("./ceremony/this-device.ts");
  const { markDevice } = await import("./device-mark.ts");
  const stamp = certificateStamp(login) ?? "";
  const access = new DirectAccess({
    login,
    device: thisDevice(env, onTpmBusy),
    onDevice: (identity) => markDevice(login, stamp, place.id, identity),
  });
  if (command === undefined) return access;
  const { launchAgent } = await import("./agent/start.ts");
  const { openAgentFolder } = await import("./agent/place.ts");
  const close = access.close.bind(access);
  // At the end, so that the new process does not compete with this command for the processor.
  access.close = () => {
    close();
    try {
      openAgentFolder(place);
    } catch {
      // Without a private folder there is no agent; the next command does its work alone too.
      return;
    }
    launchAgent(command, env);
  };
  return access;
}
