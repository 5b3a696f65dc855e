/** Reads the parts of a simulation, as the auth service streams them. */
import { Fault } from "#base/fault.ts";
import type {
  SimulateDeviceTrustResponse,
  SimulatedLogin,
  SimulationTotals,
} from "#gen/gatehouse/v1/admin_pb.ts";
import type { ChangedLogin, Simulation } from "./auth-client.ts";

/** Puts the parts together. Throws `malformed` for an answer that ends early or names servers that it does not tell. */
export async function readSimulation(
  parts: AsyncIterable<SimulateDeviceTrustResponse>,
): Promise<Simulation> {
  const groups: { readonly id: string; readonly hostname: string }[][] = [];
  const logins: ChangedLogin[] = [];
  let totals: SimulationTotals | undefined;
  for await (const { part } of parts) {
    if (part.case === "servers") {
      const { group, servers } = part.value;
      if (group > groups.length) throw incomplete();
      groups[group] ??= [];
      groups[group].push(...servers.map(({ id, hostname }) => ({ id, hostname })));
    } else if (part.case === "logins") {
      for (const login of part.value.logins) {
        if (groups[login.group] === undefined) throw incomplete();
        logins.push(readLogin(login));
      }
    } else if (part.case === "totals") totals = part.value;
  }
  if (totals === undefined) throw incomplete();
  const { modeBefore, users, servers, lost, kept, unchanged } = totals;
  return {
    modeBefore: modeBefore || undefined,
    totals: {
      users: Number(users),
      servers: Number(servers),
      lost: Number(lost),
      kept: Number(kept),
      unchanged: Number(unchanged),
    },
    groups,
    logins,
  };
}

function readLogin(told: SimulatedLogin): ChangedLogin {
  const { user, login, group, device, lostDevices, role, check, reason } = told;
  const named = { device: device || undefined, role: role || undefined };
  return { user, login, group, ...named, lostDevices, check, reason };
}

function incomplete(): Fault {
  return new Fault("malformed", "the answer of the auth service is incomplete", {
    hint: "run the command again",
  });
}
