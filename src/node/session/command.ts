/**
 * Command lines: how a login's shell, a command or the file server is started with the rights of the login. Pure; what
 * the machine offers is an argument.
 *
 * Running as another user goes through setpriv(1), because the process API of the runtime drops supplementary groups.
 */
import type { Account } from "./account.ts";
import type { Environment } from "./environment.ts";

/** What a session runs. */
export type ProgramRequest =
  | { readonly type: "shell" }
  | { readonly type: "exec"; readonly command: string }
  | { readonly type: "sftp"; readonly server: string };

/** How to start a program. */
export interface Launch {
  readonly file: string;
  readonly args: readonly string[];
  /** Differs from `file` for a login shell. */
  readonly argv0?: string;
  readonly env: Environment;
  readonly cwd: string;
}

/** What the machine offers for starting programs. */
export interface LaunchTools {
  /** True when the node has to change to the account before the program starts. */
  readonly switchUser: boolean;
  /** Path of a bash, which can set the zeroth argument; undefined if there is none. */
  readonly bash: string | undefined;
}

/** Where and with what a program starts. */
export interface LaunchPlace {
  readonly env: Environment;
  readonly cwd: string;
  /** Commands for the terminal itself, run by the node's own user before it gives up its rights. */
  readonly terminalSetup?: string | undefined;
}

/** The command line of a request. */
export function buildLaunch(
  account: Account,
  request: ProgramRequest,
  { env, cwd, terminalSetup }: LaunchPlace,
  { switchUser, bash }: LaunchTools,
): Launch {
  const { shell } = account;
  const name = shell.slice(shell.lastIndexOf("/") + 1);
  const login = request.type === "shell";
  const args = request.type === "shell" ? [] : ["-c", commandOf(request)];
  const direct = !switchUser && terminalSetup === undefined;
  if (direct) return { file: shell, args, ...(login ? { argv0: `-${name}` } : {}), env, cwd };
  const words: string[] = [];
  if (terminalSetup !== undefined) {
    words.push("/bin/sh", "-c", `${terminalSetup}\nexec "$@"`, "sh");
  }
  if (switchUser) {
    const { uid, gid } = account;
    words.push("setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--init-groups", "--");
  }
  if (!login) words.push(shell, ...args);
  else if (bash === undefined) words.push(shell, "-l");
  else words.push(bash, "-c", 'exec -a "$0" "$1"', `-${name}`, shell);
  const [file = shell, ...rest] = words;
  return { file, args: rest, env, cwd };
}

function commandOf(request: Exclude<ProgramRequest, { type: "shell" }>): string {
  return request.type === "exec" ? request.command : `exec ${quote(request.server)}`;
}

/** One word for a shell. */
function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * True for commands by which clients copy files: the far ends of scp, rsync and sftp. Whoever has a shell can copy in
 * other ways; the role option takes away the convenience, as in the public API.
 */
export function isFileCopy(command: string): boolean {
  const [program = "", ...args] = command.trim().split(/\s+/);
  const name = program.slice(program.lastIndexOf("/") + 1);
  if (name === "scp") return args.some((word) => /^-[a-zA-Z]*[tf]/.test(word));
  if (name === "rsync") return args.includes("--server");
  return name === "sftp-server" || name === "internal-sftp";
}
