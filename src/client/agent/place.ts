/**
 * Where the per-user agent process listens. One agent serves one profile folder and one TPM choice of one user: the
 * name is a hash of these, so it fits the 104 bytes of a Unix socket path whatever the folder is called.
 *
 * The folder is 0700 and must be ours; the operating system then lets nobody else connect. Node offers no peer
 * credentials, so a caller proves in addition that it can read the owner's 0600 token file.
 */
import { lstatSync, mkdirSync, realpathSync } from "node:fs";
import { hostname, tmpdir, userInfo } from "node:os";
import { join, resolve } from "node:path";
import { Fault } from "#base/fault.ts";
import { productVersion } from "#base/version.ts";
import { overrides } from "../device-state.ts";

/** The files of one agent. */
export interface AgentPlace {
  /** Names the agent: same user, folder and TPM give the same. */
  readonly id: string;
  readonly folder: string;
  /** Socket of our own protocol. */
  readonly socket: string;
  /** Socket of the OpenSSH agent protocol. */
  readonly sshSocket: string;
  /** What a caller must know, readable by the owner only. */
  readonly token: string;
}

const idLength = 16;

/** Computes the place; touches no file but resolves links in the profile folder's name. */
export function agentPlace(profileFolder: string, env: NodeJS.ProcessEnv): AgentPlace {
  const id = digest(
    JSON.stringify([
      // Another version may speak another protocol.
      productVersion,
      hostname(),
      realFolder(profileFolder),
      // Which device key an agent holds follows from these.
      ...[...overrides, "XDG_STATE_HOME", "HOME"].map((name) => env[name] ?? ""),
    ]),
  );
  const folder = runtimeFolder(env);
  return {
    id,
    folder,
    socket: join(folder, `${id}.sock`),
    sshSocket: join(folder, `${id}.ssh`),
    token: join(folder, `${id}.token`),
  };
}

/** Makes the folder, or checks the one that is there. Throws `environment` when it could be somebody else's. */
export function openAgentFolder(place: AgentPlace): void {
  try {
    mkdirSync(place.folder, { mode: 0o700, recursive: true });
  } catch (cause) {
    throw new Fault("environment", `cannot create ${place.folder}`, { cause });
  }
  if (!isPrivateFolder(place)) {
    throw new Fault("environment", `${place.folder} is not a private folder of yours`, {
      hint: "remove it, or set XDG_RUNTIME_DIR to a folder that only you can enter",
    });
  }
}

/** True when the folder is a real one, owned by this user, that nobody else can enter. */
export function isPrivateFolder(place: AgentPlace): boolean {
  try {
    const stat = lstatSync(place.folder);
    return stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o077) === 0;
  } catch {
    return false;
  }
}

/** A socket path may have 104 bytes on macOS and 108 on Linux, with the final zero. */
const longestSocketPath = 103;

/**
 * FNV-1a, 64 bit. It tells places apart and proves nothing, so `tsh status` need not load the crypto module for it.
 */
function digest(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash.toString(16).padStart(idLength, "0");
}

function runtimeFolder(env: NodeJS.ProcessEnv): string {
  const uid = process.getuid?.() ?? userInfo().username;
  const candidates = [
    env["XDG_RUNTIME_DIR"] && join(env["XDG_RUNTIME_DIR"], "gatehouse"),
    join(tmpdir(), `gatehouse-${uid}`),
    join("/tmp", `gatehouse-${uid}`),
  ];
  const fits = (folder: string) =>
    Buffer.byteLength(folder) + idLength + "/.token".length <= longestSocketPath;
  return candidates.find((folder) => !!folder && fits(folder)) || `/tmp/gatehouse-${uid}`;
}

function realFolder(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return resolve(folder);
  }
}
