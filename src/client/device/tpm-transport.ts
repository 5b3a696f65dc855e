/**
 * Ways to a TPM: the character device of Linux (one write is one command, one read one answer), the raw sockets of swtpm
 * (the size in the answer's header ends it), and Windows' services in a file of their own. A command that gets no answer fails after a minute.
 */
import { existsSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { concat } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { TpmTransport } from "#tpm/client.ts";
import { exchangeFault, maxAnswer, withTimeout } from "./tpm-exchange.ts";
import type { TpmSelection } from "./tpm-selection.ts";

const headerBytes = 10;

/**
 * Opens the way to a TPM. Throws `environment` when there is none, or it may not be used, or it is busy.
 * `openDevice` opens a character device.
 */
export async function openTpmTransport(
  selection: TpmSelection,
  openDevice: (path: string) => Promise<CharacterDevice> = (path) => open(path, "r+"),
): Promise<TpmTransport> {
  if (selection.kind === "tbs") {
    const { openTbsTransport } = await import("./windows/tbs-transport.ts");
    return openTbsTransport();
  }
  try {
    return selection.kind === "device"
      ? new CharacterDeviceTransport(await openDevice(selection.path))
      : new SocketTransport(await connectSocket(selection));
  } catch (error) {
    throw openFault(selection, error);
  }
}

/** The part of a file handle that the transport needs. */
export type CharacterDevice = Pick<FileHandle, "write" | "read" | "close">;

/** Talks to a character device such as /dev/tpmrm0. */
export class CharacterDeviceTransport implements TpmTransport {
  readonly #device: CharacterDevice;

  constructor(device: CharacterDevice) {
    this.#device = device;
  }

  transmit(command: Uint8Array): Promise<Uint8Array> {
    return withTimeout(this.#exchange(command));
  }

  close(): Promise<void> {
    return this.#device.close();
  }

  async #exchange(command: Uint8Array): Promise<Uint8Array> {
    try {
      const { bytesWritten } = await this.#device.write(command, 0, command.length, null);
      if (bytesWritten !== command.length)
        throw new Fault("environment", "the TPM took half a command");
      const answer = new Uint8Array(maxAnswer);
      const { bytesRead } = await this.#device.read(answer, 0, maxAnswer, null);
      return answer.slice(0, bytesRead);
    } catch (error) {
      throw error instanceof Fault ? error : exchangeFault(error);
    }
  }
}

/** Talks to swtpm over a connected socket. */
export class SocketTransport implements TpmTransport {
  readonly #socket: Socket;
  #received = new Uint8Array(0);
  #pending: PromiseWithResolvers<Uint8Array> | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail());
  }

  transmit(command: Uint8Array): Promise<Uint8Array> {
    if (this.#socket.destroyed) return Promise.reject(exchangeFault());
    this.#pending = Promise.withResolvers();
    this.#socket.write(command);
    return withTimeout(this.#pending.promise).catch((error: unknown) => {
      this.#socket.destroy();
      throw error;
    });
  }

  close(): Promise<void> {
    if (this.#socket.destroyed) return Promise.resolve();
    const closed = new Promise<void>((resolve) => this.#socket.once("close", () => resolve()));
    this.#socket.destroySoon();
    return closed;
  }

  #receive(chunk: Uint8Array): void {
    this.#received = concat(this.#received, chunk) as Uint8Array<ArrayBuffer>;
    if (this.#received.length < headerBytes) return;
    const size = new DataView(this.#received.buffer).getUint32(2);
    if (size < headerBytes || size > maxAnswer) {
      this.#fail();
      this.#socket.destroy();
    } else if (this.#received.length >= size) {
      const answer = this.#received.slice(0, size);
      this.#received = this.#received.slice(size);
      this.#pending?.resolve(answer);
      this.#pending = undefined;
    }
  }

  #fail(cause?: Error): void {
    this.#pending?.reject(exchangeFault(cause));
    this.#pending = undefined;
  }
}

function connectSocket(
  selection: Extract<TpmSelection, { kind: "unix" | "tcp" }>,
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const target =
    selection.kind === "unix"
      ? { path: selection.path }
      : { host: selection.host, port: selection.port, noDelay: true };
  const socket = connect(target);
  socket.once("error", reject);
  socket.once("connect", () => {
    socket.off("error", reject);
    resolve(socket);
  });
  return promise;
}

/** A failure to open, in the words of the person who must mend it. */
function openFault(selection: Exclude<TpmSelection, { kind: "tbs" }>, cause: unknown): Fault {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (selection.kind !== "device") {
    const where =
      selection.kind === "unix" ? selection.path : `${selection.host}:${selection.port}`;
    return new Fault("environment", `no virtual TPM answers at ${where}`, {
      hint: "start swtpm, or unset GATEHOUSE_TPM to use the TPM of this machine",
      cause,
    });
  }
  const { path } = selection;
  switch (code) {
    case "ENOENT":
    case "ENXIO":
    case "ENODEV":
      if (hasOnlyOldInterface(path)) {
        return new Fault("environment", `the TPM of this machine is no TPM 2.0 (no ${path})`, {
          hint: "where the firmware setup can switch it to TPM 2.0, do that; on Linux before 4.12 update the kernel",
          cause,
        });
      }
      return new Fault("environment", `this machine has no TPM 2.0 (${path} does not exist)`, {
        hint: "switch the TPM on in the firmware setup (also called PTT or fTPM), or add one to the virtual machine",
        cause,
      });
    case "EACCES":
    case "EPERM":
      return new Fault("environment", `you may not use the TPM (no permission on ${path})`, {
        hint: 'sudo usermod -aG tss "$USER" and log in again, or add the udev rule KERNEL=="tpmrm[0-9]*", MODE="0660", GROUP="tss"',
        cause,
      });
    case "EBUSY":
      return new Fault("environment", `another program holds the TPM (${path} is busy)`, {
        hint: "close that program and try again; use /dev/tpmrm0, which several programs can share",
        cause,
      });
    default:
      return new Fault("environment", `the TPM cannot be opened (${path})`, {
        hint: "check that the TPM driver is loaded: ls -l /dev/tpm*",
        cause,
      });
  }
}

/** Linux makes /dev/tpm0 for every TPM, and /dev/tpmrm0 beside it for a TPM 2.0 only. */
function hasOnlyOldInterface(path: string): boolean {
  const old = path.replace(/tpmrm(\d+)$/, "tpm$1");
  return old !== path && !existsSync(path) && existsSync(old);
}
