/** `tsh proxy kube`: a local port behind which a Kubernetes cluster is, until Ctrl-C. */
import { once } from "node:events";
import { join } from "node:path";
import { systemClock } from "#base/clock.ts";
import { systemRandom } from "#base/random.ts";
import { openKubeEnd } from "#client/kube/local-end.ts";
import { makePrivateFolder, removePath, writePrivate } from "#client/profile/files.ts";
import { loginPaths } from "#client/profile/paths.ts";
import { parsePort } from "#client/ssh/target.ts";
import { selectLogin, type TshInvocation } from "./context.ts";
import { failureText } from "./db.ts";
import { openAccessShown } from "./device-progress.ts";
import { kubeClusterNamed } from "./kube.ts";
import type { proxyKube } from "./program.ts";
import { shellWord } from "./shell-word.ts";

/** Serves. Every connection comes with a key that is in memory only. */
export async function run(invocation: TshInvocation<typeof proxyKube>): Promise<void> {
  const { args, flags, shared, console, services, signal } = invocation;
  const login = await selectLogin(services, shared);
  const { access, progress } = await openAccessShown(invocation, login, "Asking the cluster");
  try {
    const { metadata } = await kubeClusterNamed(access, args.name);
    const end = await openKubeEnd({
      access,
      kubeCluster: metadata.name,
      port: flags.port === undefined ? 0 : parsePort(flags.port),
      onFailure: (error) => console.note(`ERROR: ${failureText(error)}`),
      clock: systemClock,
      random: systemRandom,
    });
    const folder = loginPaths(login.folder, login.key).kubernetes;
    const file = join(folder, `localproxy-${end.port}-kubeconfig`);
    try {
      progress.stop();
      makePrivateFolder(folder);
      writePrivate(file, end.kubeconfig);
      console.print(`Started local proxy for Kubernetes on 127.0.0.1:${end.port}.`);
      console.print("");
      console.print("Use the following config for your Kubernetes applications. For example:");
      console.print(`  export KUBECONFIG=${shellWord(file)}`);
      console.print("  kubectl version");
      if (!signal.aborted) await once(signal, "abort");
    } finally {
      removePath(file);
      await end.close();
    }
  } finally {
    progress.stop();
    access.close();
  }
}
