/**
 * What a virtual machine starts with: Debian's kernel for virtual machines, and an initial file system with tsh as it is
 * released, its Node, and busybox. UEFI firmware of Debian's ovmf measures the kernel before it starts it.
 */
import { execFile } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { makeReleaseFolder } from "../../../tools/release-folder.ts";
import { debianDependency, debianFiles } from "./debian-files.ts";

const run = promisify(execFile);

/** Files that a virtual machine starts from. */
export interface Guest {
  readonly kernel: string;
  readonly initrd: string;
  /** Code of the firmware, and an empty store of its variables. */
  readonly firmware: string;
  readonly variables: string;
}

/** Modules of network and disk, each after those that it needs. */
const modules = [
  "virtio/virtio_ring.ko",
  "virtio/virtio.ko",
  "virtio/virtio_pci_legacy_dev.ko",
  "virtio/virtio_pci_modern_dev.ko",
  "virtio/virtio_pci.ko",
  "core/failover.ko",
  "net/net_failover.ko",
  "net/virtio_net.ko",
  "block/virtio_blk.ko",
];

/** The host's loopback address inside: a cluster there is at the name that its own machines know it by. */
const hosts = "127.0.0.1 guest\n10.0.2.2 localhost\n";

/** Makes the files in a folder. */
export async function makeGuest(folder: string): Promise<Guest> {
  const newest = await debianDependency("linux-image-cloud-amd64", /^linux-image-.*-cloud-amd64$/);
  const [linux, busybox, ovmf] = await Promise.all(
    [newest, "busybox-static", "ovmf"].map((name) => debianFiles(name)),
  );
  if (!linux || !busybox || !ovmf) throw new Error("unreachable: three names give three folders");
  const root = join(folder, "root");
  for (const name of ["bin", "dev", "proc", "sys", "tmp", "root", "etc", "modules", "opt"]) {
    mkdirSync(join(root, name), { recursive: true });
  }
  copyFileSync(join(busybox, "bin/busybox"), join(root, "bin/busybox"));
  copyModules(linux, root);
  await copyTsh(folder, root);
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  writeFileSync(join(root, "etc/group"), "root:x:0:\n");
  writeFileSync(join(root, "etc/hosts"), hosts);
  writeFileSync(join(root, "etc/nsswitch.conf"), "hosts: files\n");
  copyFileSync("/etc/os-release", join(root, "etc/os-release"));
  copyFileSync(join(import.meta.dirname, "init.sh"), join(root, "init"));
  chmodSync(join(root, "init"), 0o755);
  const initrd = join(folder, "initrd");
  // Not compressed: the emulated processor would take longer to unpack it than to read it.
  const archive = "find . | cpio --create --format=newc --owner=0:0 --quiet > ../initrd";
  await run("sh", ["-c", archive], { cwd: root });
  rmSync(root, { recursive: true });
  return {
    kernel: only(`${linux}/boot/vmlinuz-*`),
    initrd,
    firmware: join(ovmf, "usr/share/OVMF/OVMF_CODE_4M.fd"),
    variables: join(ovmf, "usr/share/OVMF/OVMF_VARS_4M.fd"),
  };
}

/**
 * A kernel that differs in one byte from another one: in a text of its part for machines without UEFI, so it starts and runs
 * as well. The firmware measures it all the same.
 */
export function tamperedKernel(kernel: string, path: string): string {
  const image = readFileSync(kernel);
  const text = image.indexOf("No setup signature found");
  if (text < 0) throw new Error("the kernel has no part for machines without UEFI");
  image[text] = "n".charCodeAt(0);
  writeFileSync(path, image);
  return path;
}

function copyModules(linux: string, root: string): void {
  const order = modules.map((name) => {
    const file = name.replace("/", "-");
    copyFileSync(only(`${linux}/lib/modules/*/kernel/**/${name}`), join(root, "modules", file));
    return file;
  });
  writeFileSync(join(root, "modules/order"), `${order.join("\n")}\n`);
}

/** The release of this checkout, without the server's part, and the libraries that its Node is linked with. */
async function copyTsh(folder: string, root: string): Promise<void> {
  const release = join(folder, "release");
  await makeReleaseFolder(release);
  for (const name of ["gatehouse", "tctl"]) {
    rmSync(join(release, "dist", name), { recursive: true });
  }
  cpSync(release, join(root, "opt/gatehouse"), { recursive: true });
  rmSync(release, { recursive: true });
  const node = only(`${root}/opt/gatehouse/node_modules/node-*/bin/node`);
  const { stdout } = await run("ldd", [node]);
  for (const [library] of stdout.matchAll(/\/\S+(?= \(0x)/g)) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    copyFileSync(library, join(root, library));
  }
}

function only(pattern: string): string {
  const [file, ...others] = globSync(pattern);
  if (file === undefined || others.length > 0) throw new Error(`not one file is ${pattern}`);
  return file;
}
