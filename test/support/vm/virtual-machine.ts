/**
 * A virtual machine with firmware that measures, a kernel with drivers for its TPM, and a disk that outlives its boots. QEMU
 * emulates the processor, so it needs nothing of the host's; the TPM behind it is swtpm.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import type { Guest } from "./guest.ts";

/** What a command in the machine did. */
export interface GuestRan {
  readonly code: number;
  /** What it printed, errors included. */
  readonly shown: string;
}

/** How the firmware describes the machine. */
export interface GuestHardware {
  readonly serial: string;
  readonly product: string;
  /** The state of its TPM; changed by the machine. */
  readonly tpmState: string;
}

const diskBytes = 16 * 1024 * 1024;
/** An emulated machine on a busy host may take long; one that takes longer hangs. */
const bootMs = 5 * 60_000;
const commandMs = 3 * 60_000;

/** A machine that is switched on. */
interface Running {
  readonly qemu: ChildProcess;
  readonly tpm: ChildProcess;
  readonly channel: Socket;
  readonly lines: AsyncIterator<string>;
  readonly reader: Interface;
}

/** One machine, switched off at first. */
export class VirtualMachine {
  readonly #folder: string;
  readonly #guest: Guest;
  readonly #hardware: GuestHardware;
  #running: Running | undefined;

  /** The folder is the machine's own: disk, firmware variables, console. */
  constructor(folder: string, guest: Guest, hardware: GuestHardware) {
    this.#folder = folder;
    this.#guest = guest;
    this.#hardware = hardware;
    mkdirSync(folder, { recursive: true });
    copyFileSync(guest.variables, this.#path("variables"));
    writeFileSync(this.#path("disk"), "");
    truncateSync(this.#path("disk"), diskBytes);
  }

  /** Switches it on with this kernel and waits until it takes commands. */
  async boot(kernel = this.#guest.kernel): Promise<void> {
    const started = Date.now();
    for (const socket of ["tpm", "channel"]) rmSync(this.#path(socket), { force: true });
    const tpm = spawn(
      "swtpm",
      [
        "socket",
        "--tpm2",
        ...["--tpmstate", `dir=${this.#hardware.tpmState}`],
        ...["--ctrl", `type=unixio,path=${this.#path("tpm")}`, "--terminate"],
      ],
      { stdio: "ignore" },
    );
    await this.#until(started, () => existsSync(this.#path("tpm")));
    const qemu = spawn("qemu-system-x86_64", this.#arguments(kernel), {
      stdio: ["ignore", "ignore", "inherit"],
    });
    killWithUs(qemu);
    const channel = await this.#connect(started);
    const reader = createInterface({ input: channel });
    const lines = reader[Symbol.asyncIterator]();
    this.#running = { qemu, tpm, channel, lines, reader };
    // The firmware clears the screen of every serial line.
    await this.#expectLine(bootMs, (line) => line.endsWith("ready"));
  }

  /** Runs a command with its shell. */
  async run(command: string): Promise<GuestRan> {
    this.#machine().channel.write(`${Buffer.from(command).toString("base64")}\n`);
    const line = await this.#expectLine(commandMs, (text) => /^\d+ /.test(text));
    const [code = "", shown = ""] = line.split(" ");
    return { code: Number(code), shown: Buffer.from(shown, "base64").toString("utf8") };
  }

  /** Shuts it down, so that its disk and its TPM know. */
  async powerOff(): Promise<void> {
    const { qemu, tpm, channel, reader } = this.#machine();
    const ended = [qemu, tpm].map((child) => child.exitCode ?? once(child, "exit"));
    channel.write("off\n");
    await this.#within(commandMs, Promise.all(ended));
    reader.close();
    channel.destroy();
    this.#running = undefined;
  }

  /** Switches it off at once. */
  discard(): void {
    this.#running?.qemu.kill("SIGKILL");
    this.#running?.tpm.kill("SIGKILL");
    this.#running = undefined;
  }

  #arguments(kernel: string): string[] {
    const { serial, product } = this.#hardware;
    const { firmware, initrd } = this.#guest;
    const flash = "if=pflash,format=raw";
    return [
      ...["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-m", "1500"],
      ...["-nodefaults", "-nographic", "-no-reboot"],
      ...["-drive", `${flash},readonly=on,file=${firmware}`],
      ...["-drive", `${flash},file=${this.#path("variables")}`],
      ...["-kernel", kernel, "-initrd", initrd, "-append", "console=ttyS0 quiet panic=-1"],
      ...["-chardev", `socket,id=tpm,path=${this.#path("tpm")}`],
      ...["-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-tis,tpmdev=tpm0"],
      ...["-smbios", `type=1,serial=${serial},product=${product}`],
      ...["-smbios", `type=2,serial=board-of-${serial}`, "-smbios", `type=3,asset=${serial}`],
      ...["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="],
      ...["-drive", `if=virtio,format=raw,file=${this.#path("disk")}`],
      ...["-serial", `file:${this.#path("console")}`],
      ...["-serial", `unix:${this.#path("channel")},server=on,wait=off`],
    ];
  }

  async #connect(started: number): Promise<Socket> {
    for (;;) {
      const socket = connect(this.#path("channel"));
      const connected = await once(socket, "connect").then(
        () => true,
        () => false,
      );
      if (connected) return socket;
      if (Date.now() - started > bootMs) throw this.#hangs();
      await wait(50);
    }
  }

  async #until(started: number, there: () => boolean): Promise<void> {
    while (!there()) {
      if (Date.now() - started > bootMs) throw this.#hangs();
      await wait(20);
    }
  }

  async #expectLine(ms: number, fits: (line: string) => boolean): Promise<string> {
    const { lines } = this.#machine();
    for (;;) {
      const { value, done } = await this.#within(ms, lines.next());
      if (done) throw this.#hangs();
      if (fits(value)) return value;
    }
  }

  async #within<T>(ms: number, event: Promise<T>): Promise<T> {
    const giveUp = new AbortController();
    const late = wait(ms, undefined, { signal: giveUp.signal }).then(() => {
      throw this.#hangs();
    });
    late.catch(() => {});
    try {
      return await Promise.race([event, late]);
    } finally {
      giveUp.abort();
    }
  }

  #machine(): Running {
    if (this.#running === undefined) throw new Error("the virtual machine is switched off");
    return this.#running;
  }

  #hangs(): Error {
    const console = this.#path("console");
    const shown = existsSync(console) ? readFileSync(console, "utf8") : "";
    return new Error(`the virtual machine does not answer; its console:\n${shown.slice(-2000)}`);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

function killWithUs(child: ChildProcess): void {
  const kill = () => void child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
}
