/**
 * Where things lie in the profile folder (spec: the published layout of the official client, version 17 and later,
 * which editors and the public API module read). Every name is checked before it becomes part of a path.
 */
import { homedir } from "node:os";
import { join } from "node:path";
import { assertName } from "./names.ts";

/** Names one login: the proxy's host, the user there, and the cluster. */
export interface ProfileKey {
  readonly host: string;
  readonly user: string;
  readonly cluster: string;
}

/** The profile folder: `$TELEPORT_HOME`, or `~/.tsh`. */
export function profileFolder(env: NodeJS.ProcessEnv): string {
  return env["TELEPORT_HOME"] || join(homedir(), ".tsh");
}

/** Files that stand for the whole folder or one proxy. */
export function folderPaths(folder: string) {
  return {
    current: join(folder, "current-profile"),
    /** Address of the proxy of the last login that ended, so that `tsh login` alone finds it again. */
    lastProxy: join(folder, "last-proxy"),
    knownHosts: join(folder, "known_hosts"),
    lock: join(folder, ".profile.lock"),
    /** The profile document of a proxy. */
    document: (host: string) => join(folder, `${assertName("proxy host", host)}.yaml`),
    /** The pinned web certificate of a proxy; it outlives a logout, as a known host does. */
    webPin: (host: string) => join(folder, `${assertName("proxy host", host)}.web.pem`),
    keys: (host: string) => join(folder, "keys", assertName("proxy host", host)),
  } as const;
}

/** Files of one login. */
export function loginPaths(folder: string, key: ProfileKey) {
  const keys = folderPaths(folder).keys(key.host);
  const user = join(keys, assertName("user", key.user));
  const cluster = assertName("cluster", key.cluster);
  return {
    keys,
    sshKey: user,
    sshPublicKey: `${user}.pub`,
    tlsKey: `${user}.key`,
    tlsCertificate: `${user}.crt`,
    /** The TLS certificate of clients older than version 17, whose one key serves SSH and TLS. */
    oldTlsCertificate: `${user}-x509.pem`,
    sshCertificates: `${user}-ssh`,
    sshCertificate: join(`${user}-ssh`, `${cluster}-cert.pub`),
    /** Which device the agent of this machine authenticated, for display only. */
    deviceMark: `${user}-device.json`,
    /** Public certificate of the key in the agent's memory, so that OpenSSH offers it first. */
    deviceCertificate: join(`${user}-device`, `${cluster}-cert.pub`),
    /** What `tsh status` shows, computed once. */
    statusCache: `${user}-status.json`,
    trustedRoots: join(keys, "certs.pem"),
    authorities: join(keys, "cas"),
    authority: join(keys, "cas", `${cluster}.pem`),
    /** Keys and certificates for one database each, in a folder per cluster. */
    databases: `${user}-db`,
    /** Configurations of local ports to Kubernetes clusters. */
    kubernetes: `${user}-kube`,
    /** Everything that begins with the user's name belongs to the login. */
    userFolders: ["ssh", "device", "db", "app", "kube"].map((kind) => `${user}-${kind}`),
  } as const;
}
