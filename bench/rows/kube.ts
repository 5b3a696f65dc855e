/**
 * Kubernetes through proxy and agent beside the same calls straight to the API server, which is a double
 * (test/support/kube-double) in this process, as proxy, agent and auth are: the ratios are theirs, the figures are not those
 * of a real cluster.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type RequestOptions, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { directToken, KubeTestCluster } from "../../test/support/kube-cluster.ts";
import { kubectlPrograms } from "../../test/support/kubectl-programs.ts";
import { type Command, compareCommands, median, residentMib } from "../measure.ts";
import type { Row } from "../row.ts";

const bulkMib = 256;
const connections = 200;

/** kubectl get, the delay of a watch, exec in bulk, and memory of connections that do nothing. */
export async function measureKubernetes(): Promise<Row[]> {
  const cluster = await KubeTestCluster.start();
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-kube-"));
  try {
    // First: later there is room from before.
    const memory = await mibPerConnection(cluster);
    for (let index = 0; index < 50; index++) cluster.double.addPod("web", `pod-${index}`);
    const direct = join(folder, "direct");
    writeFileSync(direct, cluster.double.kubeconfig(directToken));
    const kubectl = kubectlWith({ ours: cluster.kubeconfigFor(["kube-admin"]), direct }, folder);
    const get = await compareCommands(kubectl("get", "pods", "-n", "web"), 15);
    const zeros = ["exec", "-n", "web", "pod-1", "--", "head", "-c", `${bulkMib}M`, "/dev/zero"];
    const bulk = await compareCommands(kubectl(...zeros), 3);
    const [viaAgent, straight] = [
      await watchDelay(cluster, "ours"),
      await watchDelay(cluster, "direct"),
    ];
    return [
      {
        what: "kubectl get pods, 50 of them",
        unit: "ms",
        ours: get.ours,
        peer: { what: "straight to the double", value: get.direct },
        goal: { at: "most", limit: 1.5 },
      },
      {
        what: "delay of a watch event",
        unit: "ms",
        ours: viaAgent,
        peer: { what: "straight to the double", value: straight },
      },
      {
        what: `kubectl exec, ${bulkMib} MiB out`,
        unit: "MiB/s",
        ours: (bulkMib * 1000) / bulk.ours,
        peer: { what: "straight to the double", value: (bulkMib * 1000) / bulk.direct },
        goal: { at: "least", limit: 0.5 },
      },
      {
        what: `memory per idle Kubernetes connection (${connections})`,
        unit: "MiB",
        ours: memory,
        goal: { at: "most", limit: 0.5 },
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await cluster.close();
  }
}

function kubectlWith(files: { readonly ours: string; readonly direct: string }, home: string) {
  const [program] = kubectlPrograms();
  const env = { PATH: process.env["PATH"], HOME: home };
  const command = (file: string, args: readonly string[]): Command => ({
    program: program?.path ?? "kubectl",
    args: [`--kubeconfig=${file}`, ...args],
    env,
  });
  return (...args: readonly string[]) => ({
    ours: command(files.ours, args),
    direct: command(files.direct, args),
  });
}

/** Milliseconds from a change to its event at a client of this process. */
async function watchDelay(cluster: KubeTestCluster, way: "ours" | "direct"): Promise<number> {
  const { double } = cluster;
  const options: RequestOptions =
    way === "ours"
      ? cluster.tlsOf(cluster.credentialFor(["kube-admin"]))
      : {
          host: "localhost",
          port: new URL(double.url).port,
          ca: double.authority,
          headers: { authorization: `Bearer ${directToken}` },
        };
  const path = `/api/v1/namespaces/${way}/pods?watch=1&resourceVersion=${double.objects.version}`;
  const call = request({ ...options, path, agent: false });
  call.end();
  const [response] = await once(call, "response");
  const delays: number[] = [];
  for (let index = 0; index < 200; index++) {
    const seen = once(response, "data");
    const start = performance.now();
    double.addPod(way, `watched-${index}`);
    await seen;
    delays.push(performance.now() - start);
  }
  call.destroy();
  return median(delays);
}

/** Growth of this process, which is proxy and agent, for connections that another one holds open. */
async function mibPerConnection(cluster: KubeTestCluster): Promise<number> {
  const options = cluster.tlsOf(cluster.credentialFor(["kube-admin"]));
  const script = `
const { connect } = require("node:tls");
const options = JSON.parse(process.env.OPTIONS);
let open = 0;
function next() {
  if (open === ${connections}) return console.log("open");
  const socket = connect(options);
  socket.once("data", () => { open++; next(); });
  socket.write("GET /version HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n");
}
next();`;
  const before = residentMib(process.pid);
  const child = spawn(process.execPath, ["-e", script], {
    env: { ...process.env, OPTIONS: JSON.stringify(options) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.stdout !== null) await once(child.stdout, "data");
  await wait(2000);
  const grown = residentMib(process.pid) - before;
  child.kill();
  return grown / connections;
}
