/**
 * Runs TPM commands over a transport: one at a time, again when the TPM asks for it, and with loaded keys and sessions
 * flushed whatever happens. A TPM without a resource manager holds three keys.
 */
import { Fault } from "#base/fault.ts";
import {
  type Authorization,
  type Command,
  decodeResponse,
  emptyPassword,
  encodeCommand,
  passwordOf,
  responseCodeOf,
} from "./commands/command.ts";
import { flushContext } from "./commands/keys.ts";
import { readNvPart, readNvSize } from "./commands/nv.ts";
import { readPcrs } from "./commands/pcr.ts";
import { allPcrs } from "./pcr-selection.ts";
import type { PcrValue } from "./quote.ts";
import { retryDelayMs, tpmFault } from "./response-code.ts";

/** Carries one command to a TPM and its answer back. Never called while a command is under way. */
export interface TpmTransport {
  transmit(command: Uint8Array): Promise<Uint8Array>;
  /**
   * The password of the endorsement hierarchy, from a system that gave it one and keeps it; undefined when it keeps none.
   * Throws `environment` when this person may not know it.
   */
  endorsementPassword?(): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}

/** Waits; the caller's timer. */
export type Wait = (ms: number) => Promise<void>;

/** Every TPM reads 512 bytes of NV memory at once; larger parts are optional. */
const nvPartBytes = 512;
const nvMaxBytes = 16_384;

/** A TPM as a typed object. */
export class TpmClient {
  readonly #transport: TpmTransport;
  readonly #wait: Wait;
  #last: Promise<unknown> = Promise.resolve();

  constructor(transport: TpmTransport, wait: Wait) {
    this.#transport = transport;
    this.#wait = wait;
  }

  /** Runs a command after all earlier ones. Throws `environment` with the TPM's reason when it refuses. */
  run<Result>(command: Command<Result>): Promise<Result> {
    const result = this.#last.then(() => this.#exchange(command));
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** What authorizes the use of the endorsement hierarchy. Throws as {@link TpmTransport.endorsementPassword} does. */
  async authorizeEndorsement(): Promise<Authorization> {
    const password = await this.#transport.endorsementPassword?.();
    return password === undefined ? emptyPassword : passwordOf(password);
  }

  /** Runs a command that answers a handle, gives the handle to `use`, and flushes it in any case. */
  async withHandle<Result>(
    open: Command<number> | Command<{ readonly handle: number }>,
    use: (handle: number) => Promise<Result>,
  ): Promise<Result> {
    const opened = await this.run<number | { readonly handle: number }>(open);
    const handle = typeof opened === "number" ? opened : opened.handle;
    return this.holding(handle, () => use(handle));
  }

  /** Runs `use` and then flushes the key or session, in any case. */
  async holding<Result>(handle: number, use: () => Promise<Result>): Promise<Result> {
    try {
      return await use();
    } finally {
      // A session that a command ended is gone already.
      await this.run(flushContext(handle)).catch(() => undefined);
    }
  }

  /** The whole content of an NV index. */
  async readNv(index: number): Promise<Uint8Array> {
    const size = await this.run(readNvSize(index));
    if (size > nvMaxBytes) throw new Fault("environment", `the TPM's NV index holds ${size} bytes`);
    const content = new Uint8Array(size);
    for (let at = 0; at < size; at += nvPartBytes) {
      const length = Math.min(nvPartBytes, size - at);
      content.set(await this.run(readNvPart(index, at, length)), at);
    }
    return content;
  }

  /** All 24 PCRs of one bank as they are at one moment: read again when one changes in between. */
  async readBank(hash: number): Promise<readonly PcrValue[]> {
    for (let attempts = 0; attempts < 4; attempts++) {
      const values = await this.#readBankOnce(hash);
      if (values !== undefined) return values;
    }
    throw new Fault("environment", "the PCRs of the TPM keep changing", {
      hint: "try again when the system has finished starting",
    });
  }

  async #readBankOnce(hash: number): Promise<readonly PcrValue[] | undefined> {
    const values = new Map<number, Uint8Array>();
    let counter: number | undefined;
    for (;;) {
      const missing = allPcrs(hash).pcrs.filter((pcr) => !values.has(pcr));
      if (missing.length === 0) break;
      const reading = await this.run(readPcrs({ hash, pcrs: missing }));
      if (reading.values.size === 0) break;
      counter ??= reading.updateCounter;
      if (counter !== reading.updateCounter) return undefined;
      for (const [pcr, digest] of reading.values) values.set(pcr, digest);
    }
    const ascending = [...values].sort(([a], [b]) => a - b);
    return ascending.map(([index, digest]) => ({ index, hash, digest }));
  }

  /** Closes the transport after the commands under way. */
  async close(): Promise<void> {
    await this.#last;
    await this.#transport.close();
  }

  async #exchange<Result>(command: Command<Result>): Promise<Result> {
    const bytes = encodeCommand(command);
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#transport.transmit(bytes);
      const code = responseCodeOf(answer);
      if (code === 0) return decodeResponse(command, answer);
      const delay = retryDelayMs(code, attempt);
      if (delay === undefined) throw tpmFault(command.name, code);
      await this.#wait(delay);
    }
  }
}
