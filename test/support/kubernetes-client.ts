/**
 * The official JavaScript client, @kubernetes/client-node, as a judge. It is fetched once through npm, by exact version, into
 * a folder of its own: its sixty packages are no part of the product's tree.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { pathToFileURL } from "node:url";

const version = "2.0.0";
const folder = join(import.meta.dirname, `../../node_modules/.cache/kubernetes-client-${version}`);

/** As much of the client as the tests call. */
export interface KubernetesClient {
  readonly KubeConfig: new () => KubeConfig;
  readonly CoreV1Api: unknown;
  readonly Watch: new (
    config: KubeConfig,
  ) => {
    watch(
      path: string,
      query: object,
      onEvent: (type: string, object: { metadata?: { name?: string } }) => void,
      onDone: (error: unknown) => void,
    ): Promise<AbortController>;
  };
  readonly Exec: new (
    config: KubeConfig,
  ) => {
    exec(
      namespace: string,
      pod: string,
      container: string,
      command: readonly string[],
      stdout: Duplex | null,
      stderr: Duplex | null,
      stdin: Duplex | null,
      tty: boolean,
      onStatus: (status: { status?: string; message?: string }) => void,
    ): Promise<unknown>;
  };
}

interface KubeConfig {
  loadFromFile(path: string): void;
  makeApiClient(api: unknown): CoreApi;
}

interface CoreApi {
  listNamespacedPod(request: { namespace: string }): Promise<{ items: Named[] }>;
  readNamespacedPod(request: { namespace: string; name: string }): Promise<Named>;
  createNamespacedConfigMap(request: { namespace: string; body: object }): Promise<Named>;
}

interface Named {
  readonly metadata?: { readonly name?: string };
}

/** The client; fetched at the first call. */
export async function kubernetesClient(): Promise<KubernetesClient> {
  if (!existsSync(folder)) fetch();
  const entry = join(folder, "node_modules/@kubernetes/client-node/dist/index.js");
  return (await import(pathToFileURL(entry).href)) as KubernetesClient;
}

function fetch(): void {
  const own = `${folder}.${process.pid}`;
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, "package.json"), '{"private":true}');
  const specification = `@kubernetes/client-node@${version}`;
  const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", specification];
  const { status, stderr } = spawnSync("npm", args, { cwd: own, encoding: "utf8" });
  if (status !== 0) throw new Error(`npm ${args.join(" ")} failed: ${stderr}`);
  try {
    renameSync(own, folder);
  } catch {
    // Another test was faster.
    rmSync(own, { recursive: true });
  }
}
