/**
 * The file of this machine's epochs (`#devicetrust/epoch.ts`), one for each cluster that it is enrolled in. A secret is on
 * disk before it is shown, because one that the server knows and the machine has lost would look like a copy.
 */
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import * as z from "zod";
import { base64, base64url } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import { newSecret, type ShownEpoch } from "#devicetrust/epoch.ts";
import { errorCode } from "../profile/files.ts";
import { withLockFile } from "../profile/lock.ts";

/** Shows the epoch to a cluster, and remembers what came of it. */
export interface EpochBook {
  /**
   * Runs the rest of a ceremony with the epoch of the series; `show` gives the receipt, or nothing when the server has none
   * for us. Other processes wait meanwhile. A failure leaves the epoch to be shown again.
   */
  withEpoch<T>(
    series: Uint8Array,
    show: (epoch: ShownEpoch) => Promise<{ readonly value: T; readonly receipt: Uint8Array }>,
  ): Promise<T>;
}

const bytes = z
  .base64()
  .transform((text): Uint8Array => new Uint8Array(Buffer.from(text, "base64")));

const entrySchema = z.strictObject({
  /** The secret in force. */
  current: bytes.optional(),
  receipt: bytes.optional(),
  /** The secret that was, or is about to be, shown as the next. */
  next: bytes.optional(),
});

const fileSchema = z.strictObject({
  version: z.literal(1),
  /** In the order of their last use. */
  series: z.record(z.string(), entrySchema),
});

type Entry = z.output<typeof entrySchema>;

const maxBytes = 64 * 1024;
/** Enrollments that are remembered; what was not used for longest goes. */
const maxSeries = 32;
/** A TPM may be slow, and the server gives up after a minute. */
const patienceMs = 60_000;

/** The {@link EpochBook} in a file. */
export class EpochFile implements EpochBook {
  readonly #path: string;
  readonly #random: Random;

  constructor(path: string, random: Random) {
    this.#path = path;
    this.#random = random;
  }

  async withEpoch<T>(
    series: Uint8Array,
    show: (epoch: ShownEpoch) => Promise<{ readonly value: T; readonly receipt: Uint8Array }>,
  ): Promise<T> {
    await this.#makeFolder();
    const lock = `${this.#path}.lock`;
    const sentence = "another process is authenticating this device";
    return withLockFile(lock, patienceMs, sentence, async () => {
      const known = await this.#read();
      const name = base64url(series);
      const entry = known.get(name) ?? {};
      const { current, receipt, next = newSecret(this.#random) } = entry;
      if (entry.next === undefined) this.#write(known, name, { ...entry, next });
      const shown = await show({ current, next, receipt });
      const given = shown.receipt.length > 0 ? { receipt: shown.receipt } : {};
      this.#write(known, name, { current: next, ...given });
      return shown.value;
    });
  }

  async #read(): Promise<Map<string, Entry>> {
    let text: string;
    try {
      text = await readFile(this.#path, "utf8");
    } catch (cause) {
      if (errorCode(cause) === "ENOENT") return new Map();
      throw this.#fault("cannot be read", cause);
    }
    try {
      const file = fileSchema.parse(text.length > maxBytes ? undefined : JSON.parse(text));
      return new Map(Object.entries(file.series));
    } catch (cause) {
      throw new Fault("environment", `the file ${this.#path} is damaged`, {
        hint: `remove it and enroll again: rm ${this.#path} && tsh device enroll --current-device`,
        cause,
      });
    }
  }

  /** Replaces the file in one step that a power cut does not undo. */
  #write(known: Map<string, Entry>, name: string, entry: Entry): void {
    known.delete(name);
    known.set(name, entry);
    const kept = [...known].slice(-maxSeries).map(([key, { current, receipt, next }]) => [
      key,
      {
        ...(current ? { current: base64(current) } : {}),
        ...(receipt ? { receipt: base64(receipt) } : {}),
        ...(next ? { next: base64(next) } : {}),
      },
    ]);
    const document: z.input<typeof fileSchema> = { version: 1, series: Object.fromEntries(kept) };
    const temporary = `${this.#path}.${process.pid}.tmp`;
    const text = `${JSON.stringify(document, null, 2)}\n`;
    try {
      writeFileSync(temporary, text, { mode: 0o600, flush: true });
      renameSync(temporary, this.#path);
      flushFolder(dirname(this.#path));
    } catch (cause) {
      throw this.#fault("cannot be written", cause);
    }
  }

  async #makeFolder(): Promise<void> {
    try {
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw this.#fault("cannot be written", cause);
    }
  }

  #fault(what: string, cause: unknown): Fault {
    return new Fault("environment", `the file ${this.#path} ${what}`, {
      hint: `check that you own it, and that the disk is not full: ls -l ${this.#path}`,
      cause,
    });
  }
}

/** Windows cannot open folders, and writes names through. */
function flushFolder(folder: string): void {
  if (process.platform === "win32") return;
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
