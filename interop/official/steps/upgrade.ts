/** Through a balancer that ends TLS: the official client tunnels everything through `/webapi/connectionupgrade`. */
import { expectRan, type Stage, type Step } from "../step.ts";

/** In each of the forms that the client knows. */
const modes: readonly [string, Readonly<Record<string, string>>][] = [
  ["WebSocket", { TELEPORT_TLS_ROUTING_CONN_UPGRADE_MODE: "websocket" }],
  ["its older form", { TELEPORT_TLS_ROUTING_CONN_UPGRADE_MODE: "legacy" }],
  ["both on offer", {}],
];

async function useAll({ desk, cluster }: Stage, env: Readonly<Record<string, string>>) {
  const all = { ...env, TELEPORT_TLS_ROUTING_CONN_UPGRADE: "true" };
  const person = await cluster.addUser(`balanced-${Date.now()}`, ["access", "editor"]);
  await desk.logout();
  expectRan(await desk.login(person, { env: { ...all } }), { shows: ["Logged in as:"] });
  const tsh = (...args: string[]) => desk.tshWith(all, ...args);
  const remote = `root@${cluster.nodename}`;
  expectRan(await tsh("ls"), { shows: [cluster.nodename] });
  expectRan(await tsh("ssh", remote, "id -un; head -c 300000 /dev/zero | wc -c"), {
    shows: ["root", "300000"],
  });
  expectRan(await tsh("scp", "/bin/ls", `${remote}:/tmp/gatehouse-upgrade`));
  expectRan(
    await tsh("ssh", remote, "cmp /bin/ls /tmp/gatehouse-upgrade && rm /tmp/gatehouse-upgrade"),
  );
}

/** The steps. */
export const upgradeSteps: readonly Step[] = modes.map(([name, env]) => ({
  name: `everything through a connection upgrade: ${name}`,
  run: (stage) => useAll(stage, env),
}));
