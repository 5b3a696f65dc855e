/** A node as a side of a copy, over SFTP. */
import { posix } from "node:path";
import { isFault } from "#base/fault.ts";
import { type FileAttributes, isDirectory, isRegularFile } from "#ssh/sftp/attributes.ts";
import { openFlag, type SftpClient } from "#ssh/sftp/client.ts";
import type { FileInfo, FileSide } from "./copy.ts";

/** The files of a node. Relative paths, and "~", begin at the account's home. */
export function remoteFiles(sftp: SftpClient, node: string): FileSide {
  return {
    async stat(path) {
      try {
        return infoOf(await sftp.stat(fromHome(path)));
      } catch (error) {
        if (isFault(error, "not-found")) return undefined;
        throw error;
      }
    },
    list: async (path) => (await sftp.readdir(fromHome(path))).map(({ name }) => name).sort(),
    async *read(path) {
      const file = await sftp.open(fromHome(path), openFlag.read);
      try {
        yield* file.content();
      } finally {
        await file.close();
      }
    },
    async write(path, content, mode) {
      const flags = openFlag.write | openFlag.create | openFlag.truncate;
      const file = await sftp.open(fromHome(path), flags, { mode });
      try {
        await file.writeAll(content);
      } finally {
        await file.close();
      }
    },
    makeFolder: (path, mode) => sftp.mkdir(fromHome(path), { mode }),
    setAttributes: (path, { mode, times }) => sftp.setstat(fromHome(path), { mode, times }),
    join: (folder, name) => posix.join(folder, name),
    baseName: (path) => posix.basename(posix.resolve("/", fromHome(path))) || ".",
    describe: (path) => `${node}:${path}`,
  };
}

/** SFTP begins at home, so "~" and "~/x" need no shell. */
function fromHome(path: string): string {
  if (path === "" || path === "~") return ".";
  return path.startsWith("~/") ? `./${path.slice(2)}` : path;
}

function infoOf(attributes: FileAttributes): FileInfo {
  return {
    kind: isRegularFile(attributes) ? "file" : isDirectory(attributes) ? "directory" : "other",
    size: attributes.size ?? 0n,
    mode: (attributes.mode ?? 0o644) & 0o7777,
    times: attributes.times ?? { accessed: 0, modified: 0 },
  };
}
