/**
 * `tsh kube login`: writes entries into kubectl's configuration that lead through the proxy. No key is written: kubectl
 * asks `tsh kube credentials` for one.
 */
import { dirname } from "node:path";
import { Fault } from "#base/fault.ts";
import { addEntries } from "#client/kube/kubeconfig.ts";
import { makePrivateFolder, readText, writePrivate } from "#client/profile/files.ts";
import { selectLogin, type TshInvocation } from "./context.ts";
import { openAccessShown } from "./device-progress.ts";
import { entryOf, kubeClusterNamed, kubeconfigPath } from "./kube.ts";
import type { kubeLogin } from "./program.ts";

/** Writes, and says how to go on. */
export async function run(invocation: TshInvocation<typeof kubeLogin>): Promise<void> {
  const { args, flags, shared, console, services } = invocation;
  const { name } = args;
  if ((name === undefined) !== flags.all) {
    throw new Fault("usage", "name one Kubernetes cluster, or take all of them", {
      hint: "tsh kube login NAME, or: tsh kube login --all",
    });
  }
  const login = await selectLogin(services, shared);
  const { access, progress } = await openAccessShown(invocation, login, "Asking the cluster");
  let names: string[];
  try {
    const every = { labels: {}, predicate: "", search: [] };
    const found =
      name === undefined
        ? await access.listKubeClusters(every)
        : [await kubeClusterNamed(access, name)];
    names = found.map(({ metadata }) => metadata.name);
  } finally {
    progress.stop();
    access.close();
  }
  const path = kubeconfigPath(services.env);
  const entries = names.map((each) => entryOf(login, services, each));
  makePrivateFolder(dirname(path));
  writePrivate(path, addEntries(readText(path) ?? "", entries));
  for (const each of names) console.print(`Logged into Kubernetes cluster "${each}".`);
  console.print("");
  console.print("Select a context and try 'kubectl version' to test the connection.");
}
