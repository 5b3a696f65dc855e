/**
 * The administrator's identity on the auth host: certificate, key, authorities and address that the auth service
 * writes into `<data-dir>/admin` when it starts. Whoever may read that folder administers the cluster.
 */
import { X509Certificate } from "node:crypto";
import { access, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Fault } from "#base/fault.ts";
import type { ClusterAddress } from "#client/cluster/dial.ts";
import { splitAddress } from "#client/profile/names.ts";
import { readYaml } from "#resource/yaml/read.ts";

/** Where the daemon looks when nothing is said. */
export const defaultConfigFile = "/etc/gatehouse.yaml";
export const defaultDataDir = "/var/lib/gatehouse";
/** Port of the auth listener when the address names none. */
const defaultPort = 3025;

/** How to reach auth as its administrator. */
export interface LocalAdmin {
  readonly address: ClusterAddress;
  /** PEM. */
  readonly identity: { readonly certificate: string; readonly key: string };
}

/** The data folder of the auth service on this host: the flag, else the config file's, else the usual one. */
export async function findDataDir(
  dataDir: string | undefined,
  config: string | undefined,
): Promise<string> {
  if (dataDir !== undefined) return resolve(dataDir);
  const file = config ?? defaultConfigFile;
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    if (config === undefined) return undefined;
    throw new Fault("environment", `cannot read the configuration file ${config}`, {
      hint: "name that of the running service, --config=FILE, or its data folder, --data-dir=DIR",
      cause,
    });
  });
  const named = text === undefined ? undefined : dataDirOf(text, file);
  return named === undefined ? defaultDataDir : resolve(dirname(resolve(file)), named);
}

/** True when an auth service has written an administrator's identity into the folder. */
export async function hasLocalAdmin(dataDir: string): Promise<boolean> {
  return access(join(dataDir, "admin")).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code === "EACCES",
  );
}

/** Reads the identity. Throws `environment` that says what to do. */
export async function readLocalAdmin(dataDir: string): Promise<LocalAdmin> {
  const [certificate, key, ca, address] = await Promise.all(
    ["admin.crt", "admin.key", "ca.pem", "address"].map((name) =>
      readPart(join(dataDir, "admin", name), dataDir),
    ),
  );
  const { host, port } = splitAddress((address ?? "").trim());
  return {
    address: {
      host,
      port: port ?? defaultPort,
      cluster: clusterOf(certificate ?? "", dataDir),
      roots: (ca ?? "").match(/-----BEGIN [\s\S]*?-----END CERTIFICATE-----/g) ?? [],
    },
    identity: { certificate: certificate ?? "", key: key ?? "" },
  };
}

async function readPart(file: string, dataDir: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EACCES") {
      throw new Fault("environment", `no permission to read ${file}`, {
        hint: "run the command as the user that runs the auth service, for example with sudo",
        cause,
      });
    }
    throw new Fault("environment", `there is no administrator's identity in ${dataDir}`, {
      hint: "start the auth service once with this data folder, or name the right one: --data-dir=DIR",
      cause,
    });
  }
}

/** The cluster is the organisation of the authority that signed the certificate. */
function clusterOf(certificate: string, dataDir: string): string {
  try {
    const { issuer } = new X509Certificate(certificate);
    const cluster = /^O=(.+)$/m.exec(issuer)?.[1];
    if (cluster !== undefined) return cluster;
  } catch (cause) {
    throw new Fault("malformed", `the administrator's certificate in ${dataDir} is damaged`, {
      hint: "restart the auth service: it writes a new one",
      cause,
    });
  }
  throw new Fault("malformed", `the administrator's certificate in ${dataDir} names no cluster`);
}

/** `teleport.data_dir` of a config file. Only this key is read; the daemon checks the rest. */
function dataDirOf(text: string, file: string): string | undefined {
  const value: unknown = readYaml(text, { source: file }).documents[0]?.value;
  if (!isRecord(value) || !isRecord(value["teleport"])) return undefined;
  const named = value["teleport"]["data_dir"];
  return typeof named === "string" && named !== "" ? named : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
