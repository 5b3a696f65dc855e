/**
 * Paths that name the Kubernetes cluster that they are for, ahead of the API's own path:
 * `/v1/teleport/<cluster>/<kubernetes cluster>/…`, both names in base64url (public API, newer clients).
 */
import { Fault } from "#base/fault.ts";

/** A path that names its cluster. */
export interface KubePath {
  readonly cluster: string;
  readonly kubernetesCluster: string;
  /** What the API server is asked for, query included. */
  readonly rest: string;
}

const prefix = "/v1/teleport/";
const longestName = 1024;

/** Reads a request's path and query; undefined when it names no cluster. Throws `malformed` for names that are none. */
export function readKubePath(target: string): KubePath | undefined {
  if (!target.startsWith(prefix)) return undefined;
  const match = /^([A-Za-z0-9_-]+)\/([A-Za-z0-9_-]+)(\/.*|)$/s.exec(target.slice(prefix.length));
  if (match === null) throw new Fault("malformed", "the path does not name a Kubernetes cluster");
  const [, cluster = "", kubernetesCluster = "", rest = ""] = match;
  return {
    cluster: readName(cluster),
    kubernetesCluster: readName(kubernetesCluster),
    rest: rest.startsWith("/") ? rest : "/",
  };
}

function readName(text: string): string {
  const name = Buffer.from(text, "base64url").toString("utf8");
  const again = Buffer.from(name, "utf8").toString("base64url");
  if (again !== text || name.length > longestName || name === "") {
    throw new Fault("malformed", "the path does not name a Kubernetes cluster");
  }
  return name;
}
