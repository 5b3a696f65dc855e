/** `tsh scp`: copies files to, from and between nodes. */
import { userInfo } from "node:os";
import { Fault } from "#base/fault.ts";
import { Closer } from "#base/lifecycle.ts";
import { noProgress } from "#cli/progress.ts";
import type { ClusterAccess } from "#client/access.ts";
import type { StoredLogin } from "#client/profile/logins.ts";
import { connectNode, openSession } from "#client/ssh/connect.ts";
import { copyFiles, type FileSide, type Place } from "#client/ssh/copy.ts";
import { localFiles } from "#client/ssh/local-files.ts";
import { remoteFiles } from "#client/ssh/remote-files.ts";
import { parsePort, parseTarget } from "#client/ssh/target.ts";
import { SftpClient } from "#ssh/sftp/client.ts";
import { selectLogin, type TshInvocation } from "./context.ts";
import { openAccessShown } from "./device-progress.ts";
import type { scp } from "./program.ts";
import { sessionProver } from "./second-factor.ts";

type ScpInvocation = TshInvocation<typeof scp>;

/** A path as typed: on a node, or here. */
interface TypedPath {
  readonly node: string | undefined;
  readonly path: string;
}

/** Copies all sources to the last path. */
export async function run(invocation: ScpInvocation): Promise<void> {
  const { args, flags, shared, services, console, signal } = invocation;
  const paths = args.paths.map(parsePath);
  const destination = paths.pop();
  if (destination === undefined || paths.length === 0) {
    throw new Fault("usage", "a source and a destination are needed", {
      hint: "for example: tsh scp report.txt root@node:/tmp/",
    });
  }
  if ([...paths, destination].every(({ node }) => node === undefined)) {
    throw new Fault("usage", "none of the paths is on a node", {
      hint: "write a remote path as root@node:/path; copy local files with cp",
    });
  }
  await assertLocalSources(paths);
  const login = await selectLogin(services, shared);
  const closer = new Closer();
  const shown = flags.quiet ? { progress: () => noProgress } : console;
  const { access, progress } = await openAccessShown(
    { console: shown, services },
    login,
    "Copying",
  );
  closer.defer(() => access.close());
  try {
    const sides = new Map<string, Promise<FileSide>>();
    const place = async ({ node, path }: TypedPath): Promise<Place> => {
      if (node === undefined) return { side: localFiles, path };
      const side = sides.get(node) ?? openNode(invocation, login, access, node, closer);
      sides.set(node, side);
      return { side: await side, path };
    };
    const sources: Place[] = [];
    for (const path of paths) sources.push(await place(path));
    await copyFiles(sources, await place(destination), {
      recursive: flags.recursive,
      preserve: flags.preserve,
      signal,
      onFile: (path) => progress.update(`Copying ${path}`),
    });
  } finally {
    progress.stop();
    await closer.close();
  }
}

/** A mistyped local name is told before anybody connects. */
async function assertLocalSources(paths: readonly TypedPath[]): Promise<void> {
  for (const { node, path } of paths) {
    if (node !== undefined || (await localFiles.stat(path)) !== undefined) continue;
    throw new Fault(
      "not-found",
      `could not access local path "${path}": no such file or directory`,
    );
  }
}

async function openNode(
  { flags, services, console }: ScpInvocation,
  login: StoredLogin,
  access: ClusterAccess,
  node: string,
  closer: Closer,
): Promise<FileSide> {
  const target = parseTarget(node);
  const connection = await connectNode({
    login,
    access,
    target: {
      host: target.host,
      port: flags.port === undefined ? target.port : parsePort(flags.port),
      login: target.login ?? services.env["USER"] ?? userInfo().username,
    },
    proveSession: sessionProver(login, services, console),
  });
  closer.defer(() => connection.close());
  const session = await openSession(connection, access);
  session.channel.stderr.resume();
  await session.subsystem("sftp");
  return remoteFiles(new SftpClient(session.channel), node);
}

/** `[login@]node:path`, or a local path; one with a slash before its colon is local, as for OpenSSH. */
function parsePath(text: string): TypedPath {
  const match = /^((?:[^/:@]+@)*(?:\[[^\]]+\]|[^/:]+)):(.*)$/su.exec(text);
  if (match?.[1] === undefined) return { node: undefined, path: text };
  return { node: match[1], path: match[2] || "." };
}
