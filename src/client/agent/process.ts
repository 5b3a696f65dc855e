/**
 * The agent as a process: started in the background by the first command that wants it, told everything by its
 * environment. Ends when idle, when the last login ends, or on a signal; keys are never written, so none are left behind.
 */
import { parseDuration } from "#base/duration.ts";
import { isFault } from "#base/fault.ts";
import { thisDevice } from "../ceremony/this-device.ts";
import { listHosts } from "../profile/logins.ts";
import { profileFolder } from "../profile/paths.ts";
import { agentPlace } from "./place.ts";
import { AgentServer } from "./server.ts";
import { ProfileWork } from "./work.ts";

const defaultIdleMs = 10 * 60_000;

/** Runs until the agent ends. `GATEHOUSE_AGENT_IDLE` sets the idle time, such as "30m". */
export async function runAgentProcess(env: NodeJS.ProcessEnv): Promise<number> {
  const folder = profileFolder(env);
  // Started by a command of a login that has ended meanwhile: nobody would ever end this process.
  if (listHosts(folder).length === 0) return 0;
  const place = agentPlace(folder, env);
  const idle = env["GATEHOUSE_AGENT_IDLE"];
  try {
    const server = await AgentServer.start({
      place,
      work: new ProfileWork({
        folder,
        agent: place.id,
        openDevice: (onBusy) => thisDevice(env, onBusy),
      }),
      idleMs: idle ? parseDuration(idle) : defaultIdleMs,
    });
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      process.once(signal, () => server.close());
    }
    await server.ended;
    return 0;
  } catch (error) {
    // Another agent was faster: that is what the caller wanted.
    if (isFault(error, "already-exists")) return 0;
    throw error;
  }
}
