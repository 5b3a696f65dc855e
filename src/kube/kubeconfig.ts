/**
 * How the agent reaches API servers: the contexts of a kubeconfig (kubernetes.io, client-go config v1), or the service
 * account of the pod that it runs in. Files that it names are read through the caller; programs that it names are not run:
 * the agent holds a credential of its own.
 */
import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import * as z from "zod";
import { Fault } from "#base/fault.ts";
import { Secret } from "#base/secret.ts";

/** An API server, and what the agent shows it. */
export interface ApiCredential {
  /** Base address. */
  readonly server: URL;
  /** PEM of the authorities to trust; undefined: those of the system. */
  readonly authorities: string | undefined;
  /** The name in the server's certificate, where it is not that of the address. */
  readonly serverName: string | undefined;
  /** The configuration says not to look at the server's certificate. */
  readonly insecure: boolean;
  /** A bearer token, asked for at every request: files of tokens are replaced while we run. */
  readonly token: (() => Secret) | undefined;
  /** PEM. */
  readonly certificate: string | undefined;
  readonly key: Secret | undefined;
}

/** Reads a text file. Throws when it cannot. */
export type ReadText = (path: string) => string;

const text = z.string();

const cluster = z.looseObject({
  server: text,
  "certificate-authority": text.optional(),
  "certificate-authority-data": text.optional(),
  "tls-server-name": text.optional(),
  "insecure-skip-tls-verify": z.boolean().optional(),
  "proxy-url": text.optional(),
});

const user = z.looseObject({
  token: text.optional(),
  tokenFile: text.optional(),
  "client-certificate": text.optional(),
  "client-certificate-data": text.optional(),
  "client-key": text.optional(),
  "client-key-data": text.optional(),
  exec: z.unknown().optional(),
  username: text.optional(),
  "auth-provider": z.unknown().optional(),
});

const kubeconfig = z.looseObject({
  "current-context": text.optional(),
  clusters: z.array(z.looseObject({ name: text, cluster })),
  users: z.array(z.looseObject({ name: text, user })).nullish(),
  contexts: z.array(
    z.looseObject({ name: text, context: z.looseObject({ cluster: text, user: text }) }),
  ),
});

type Cluster = z.output<typeof cluster>;
type User = z.output<typeof user>;

/** The API servers of a kubeconfig by the names of its contexts. Throws `invalid` for what the agent cannot use. */
export function readKubeconfig(
  path: string,
  readText: ReadText,
): ReadonlyMap<string, ApiCredential> {
  const file = parseFile(path, readText);
  const found = new Map<string, ApiCredential>();
  for (const { name, context: chosen } of file.contexts) {
    const at = `${path}: context "${name}"`;
    const place = file.clusters.find((row) => row.name === chosen.cluster)?.cluster;
    const who = file.users?.find((row) => row.name === chosen.user)?.user;
    if (place === undefined || who === undefined) {
      throw new Fault("invalid", `${at}: its cluster or user is not in the file`);
    }
    found.set(name, readContext(at, { place, who, folder: dirname(path), readText }));
  }
  if (found.size === 0) throw new Fault("invalid", `${path}: the file has no context`);
  return found;
}

/**
 * The API server of a `kube_cluster` document: the current context of its kubeconfig (base64), or the only one. Files that
 * it names are not read: who writes documents is not who runs the agent's machine.
 */
export function readDocumentKubeconfig(
  name: string,
  kubeconfig: string | undefined,
): ApiCredential {
  const path = `kube_cluster "${name}"`;
  if (kubeconfig === undefined || kubeconfig === "") {
    throw new Fault("invalid", `${path} has no spec.kubeconfig`);
  }
  const content = Buffer.from(kubeconfig, "base64").toString("utf8");
  const contexts = readKubeconfig(path, (file) => {
    if (file === path) return content;
    throw new Fault("invalid", `${path}: the kubeconfig names the file ${file}`, {
      hint: "put what is in the file into the kubeconfig: kubectl config view --flatten",
    });
  });
  const { "current-context": current } = parseFile(path, () => content);
  const [only] = contexts.size === 1 ? contexts.values() : [];
  const chosen = contexts.get(current ?? "") ?? only;
  if (chosen === undefined) throw new Fault("invalid", `${path}: it is not clear which context`);
  return chosen;
}

/** The API server of the pod that the agent runs in. Throws `environment` outside of a pod. */
export function readInCluster(
  env: Readonly<Record<string, string | undefined>>,
  readText: ReadText,
): ApiCredential {
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port = "443" } = env;
  const folder = "/var/run/secrets/kubernetes.io/serviceaccount";
  if (host === "") {
    throw new Fault("environment", "this agent does not run inside of a Kubernetes cluster", {
      hint: "name a file with the way to one: kubernetes_service.kubeconfig_file",
    });
  }
  return {
    server: new URL(`https://${host.includes(":") ? `[${host}]` : host}:${port}`),
    authorities: readText(`${folder}/ca.crt`),
    serverName: undefined,
    insecure: false,
    token: () => new Secret(readText(`${folder}/token`).trim()),
    certificate: undefined,
    key: undefined,
  };
}

function parseFile(path: string, readText: ReadText): z.output<typeof kubeconfig> {
  try {
    return kubeconfig.parse(parse(readText(path)));
  } catch (cause) {
    throw new Fault("invalid", `the file ${path} is no kubeconfig that can be read`, {
      hint: `look at it with: kubectl --kubeconfig=${path} config view`,
      cause,
    });
  }
}

function readContext(
  at: string,
  about: {
    readonly place: Cluster;
    readonly who: User;
    readonly folder: string;
    readonly readText: ReadText;
  },
): ApiCredential {
  const { place, who, folder, readText } = about;
  const unusable = who.exec ?? who["auth-provider"] ?? who.username ?? place["proxy-url"];
  if (unusable !== undefined && unusable !== null && unusable !== "") {
    throw new Fault("invalid", `${at}: only tokens and client certificates can be used here`, {
      hint: "make a service account for the agent, and put its token into the file",
    });
  }
  const pem = (data: string | undefined, file: string | undefined) => {
    if (data !== undefined) return Buffer.from(data, "base64").toString("utf8");
    return file === undefined ? undefined : readText(resolve(folder, file));
  };
  const { token, tokenFile } = who;
  const key = pem(who["client-key-data"], who["client-key"]);
  const server = readServer(at, place.server);
  return {
    server,
    authorities: pem(place["certificate-authority-data"], place["certificate-authority"]),
    serverName: place["tls-server-name"],
    insecure: place["insecure-skip-tls-verify"] ?? false,
    token:
      tokenFile !== undefined
        ? tokenOfFile(resolve(folder, tokenFile), readText)
        : token === undefined
          ? undefined
          : () => new Secret(token),
    certificate: pem(who["client-certificate-data"], who["client-certificate"]),
    key: key === undefined ? undefined : new Secret(key),
  };
}

/** Read once at the start, so that a file that is missing is known then. */
function tokenOfFile(path: string, readText: ReadText): () => Secret {
  const read = () => new Secret(readText(path).trim());
  read();
  return read;
}

function readServer(at: string, address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  // Without TLS, whoever listens in would have the agent's credential (bug class 54).
  if (url?.protocol !== "https:") {
    throw new Fault("invalid", `${at}: the server's address is not an https URL`);
  }
  return url;
}
