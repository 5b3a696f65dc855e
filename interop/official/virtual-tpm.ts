/**
 * A virtual TPM where the official Linux client looks for one: it finds the machine's TPM through /sys/class/tpm/tpm0
 * and then opens /dev/tpmrm0. swtpm listens on a socket, so a raw pseudo-terminal carries whole commands and answers
 * between the two, and a private mount namespace shows the client a /dev and a /sys/class of its own. Needs root.
 *
 * The machine's own /dev and /sys are never changed.
 */
import { connect } from "node:net";
import { type IPty, spawn } from "@lydell/node-pty";
import { newTpm } from "../../test/support/cluster/machine.ts";

/** Tag, size and code: what every TPM command and answer begins with (TPM 2.0 part 1, section 18). */
const headerBytes = 10;
const sizeOffset = 2;

/** Holds the terminal open in raw mode after printing its path. */
const holder = "stty raw -echo && tty && exec sleep infinity";

/** Arguments: the terminal, the folder of firmware data, and the command. */
const namespaceScript = `
set -e
terminal=$1 firmware=$2; shift 2
mount --make-rprivate /
new=$(mktemp -d)
mount -t tmpfs tmpfs "$new"
for node in null zero full random urandom tty; do
  : > "$new/$node"
  mount --bind "/dev/$node" "$new/$node"
done
mkdir "$new/pts" "$new/shm"
mount --rbind /dev/pts "$new/pts"
ln -s pts/ptmx "$new/ptmx"
ln -s /proc/self/fd "$new/fd"
ln -s "$terminal" "$new/tpmrm0"
mount --move "$new" /dev
rmdir "$new"
mount -t tmpfs tmpfs /sys/class
mkdir -p /sys/class/tpm/tpm0/device/tpmrm/tpmrm0 /sys/class/dmi/id
cp "$firmware"/* /sys/class/dmi/id/
exec "$@"
`;

/** A TPM of which the official client believes that it is the machine's own. */
export class VirtualTpm {
  readonly #pty: IPty;
  readonly #terminal: string;
  readonly #firmware: string;

  private constructor(pty: IPty, terminal: string, firmware: string) {
    this.#pty = pty;
    this.#terminal = terminal;
    this.#firmware = firmware;
  }

  /** Starts one. `firmware` is a folder with the files of /sys/class/dmi/id. */
  static async start(firmware: string): Promise<VirtualTpm> {
    const { socket } = await newTpm();
    const pty = spawn("sh", ["-c", holder], { encoding: null });
    const data = listen(pty);
    const terminal = (await data.line()).trim();
    forward(pty, data, socket);
    return new VirtualTpm(pty, terminal, firmware);
  }

  /** The command line that runs `command` on the machine with this TPM. */
  command(command: readonly string[]): readonly [string, ...string[]] {
    const script = ["sh", "-c", namespaceScript, "virtual-tpm", this.#terminal, this.#firmware];
    return ["unshare", "--mount", ...script, ...command];
  }

  close(): void {
    this.#pty.kill("SIGKILL");
  }
}

interface Incoming {
  line(): Promise<string>;
  take(handler: (bytes: Buffer) => void): void;
}

/** The bytes of a terminal: first its path as a line, then TPM commands. */
function listen(pty: IPty): Incoming {
  let pending = Buffer.alloc(0);
  let handler: ((bytes: Buffer) => void) | undefined;
  const first = Promise.withResolvers<string>();
  pty.onData((chunk: string | Buffer) => {
    const bytes = Buffer.from(chunk as Buffer);
    if (handler) return handler(bytes);
    pending = Buffer.concat([pending, bytes]);
    const end = pending.indexOf("\n");
    if (end >= 0) first.resolve(pending.subarray(0, end).toString());
    return undefined;
  });
  return {
    line: () => first.promise,
    take: (next) => {
      handler = next;
    },
  };
}

/** Carries whole commands to the TPM and whole answers back, one at a time as the TPM's interface demands. */
function forward(pty: IPty, data: Incoming, socket: string): void {
  const tpm = connect({ path: socket });
  tpm.on("error", () => pty.kill("SIGKILL"));
  const commands = framed((command) => tpm.write(command));
  const answers = framed((answer) => pty.write(answer as unknown as string));
  data.take(commands);
  tpm.on("data", answers);
}

/** Cuts a stream of bytes into TPM messages by the size in their headers. */
function framed(deliver: (message: Buffer) => void): (bytes: Buffer) => void {
  let pending = Buffer.alloc(0);
  return (bytes) => {
    pending = Buffer.concat([pending, bytes]);
    while (pending.length >= headerBytes) {
      const size = Math.max(headerBytes, pending.readUInt32BE(sizeOffset));
      if (pending.length < size) return;
      deliver(pending.subarray(0, size));
      pending = pending.subarray(size);
    }
  };
}
