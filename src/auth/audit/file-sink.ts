/**
 * Audit events as JSON lines in files, one per day (UTC), for log shippers and for reading when
 * nothing else works. Events that arrive while the disk works are written together with one sync;
 * writing runs beside the event loop.
 */
import { constants, type FileHandle, mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import type { AuditEvent } from "#audit/event.ts";
import type { AuditSink } from "#audit/sink.ts";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Closable } from "#base/lifecycle.ts";

/** Events that may wait for the disk. */
const maxPending = 100_000;
/** Bytes of one write. */
const batchBytes = 4 * 1024 * 1024;

interface Pending {
  readonly line: string;
  readonly resolve: () => void;
  readonly reject: (fault: Fault) => void;
}

interface DayFile {
  readonly day: string;
  readonly handle: FileHandle;
  /** Length up to which the file holds whole lines. */
  size: number;
}

/** Writes events to `<folder>/<day>.jsonl`. */
export class FileSink implements AuditSink, Closable {
  readonly #folder: string;
  readonly #clock: Clock;
  #pending: Pending[] = [];
  #writing: Promise<void> | undefined;
  #file: DayFile | undefined;
  #closed = false;

  /** The folder is created, for this user alone, with the first event. */
  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
  }

  emit(event: AuditEvent): Promise<void> {
    if (this.#closed) return Promise.reject(new Fault("unavailable", "the audit log is closed"));
    if (this.#pending.length >= maxPending) {
      return Promise.reject(new Fault("limit", "too many audit events wait for the disk"));
    }
    const line = `${JSON.stringify(event)}\n`;
    return new Promise((resolve, reject) => {
      this.#pending.push({ line, resolve, reject });
      this.#writing ??= this.#writePending();
    });
  }

  /** Writes what is pending and closes the file. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
    await this.#file?.handle.close();
    this.#file = undefined;
  }

  async #writePending(): Promise<void> {
    // What else arrives in this turn of the event loop joins the first batch.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#pending.length > 0) {
      const batch = this.#takeBatch();
      try {
        await this.#append(batch.map(({ line }) => line).join(""));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        const fault = this.#faultOf(error);
        for (const { reject } of batch) reject(fault);
      }
    }
    this.#writing = undefined;
  }

  #takeBatch(): Pending[] {
    let bytes = 0;
    let count = 0;
    for (const { line } of this.#pending) {
      bytes += line.length;
      if (count > 0 && bytes > batchBytes) break;
      count++;
    }
    return this.#pending.splice(0, count);
  }

  async #append(lines: string): Promise<void> {
    const file = await this.#openDay(this.#clock.now().toISOString().slice(0, 10));
    const bytes = Buffer.from(lines);
    try {
      let written = 0;
      while (written < bytes.length) {
        const at = file.size + written;
        written += (await file.handle.write(bytes, written, bytes.length - written, at))
          .bytesWritten;
      }
      await file.handle.datasync();
    } catch (error) {
      await this.#dropFile(file);
      throw error;
    }
    file.size += bytes.length;
  }

  /** After a failed write: cuts off what is not whole, and opens the file anew next time. */
  async #dropFile(file: DayFile): Promise<void> {
    this.#file = undefined;
    try {
      await file.handle.truncate(file.size);
    } finally {
      await file.handle.close();
    }
  }

  async #openDay(day: string): Promise<DayFile> {
    if (this.#file?.day === day) return this.#file;
    await this.#file?.handle.close();
    this.#file = undefined;
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    // Without O_APPEND, because a failed write must be able to say where its line began.
    const flags = constants.O_RDWR | constants.O_CREAT;
    const handle = await open(join(this.#folder, `${day}.jsonl`), flags, 0o600);
    this.#file = { day, handle, size: await wholeLines(handle) };
    await syncFolder(this.#folder);
    return this.#file;
  }

  #faultOf(cause: unknown): Fault {
    const full = (cause as { code?: unknown } | undefined)?.code === "ENOSPC";
    const message = full
      ? `there is no space left for the audit log in ${this.#folder}`
      : `the audit log in ${this.#folder} cannot be written`;
    const hint = full ? "make room on the disk" : `check its permissions: ls -ld ${this.#folder}`;
    return new Fault("environment", message, { hint, cause });
  }
}

/**
 * Cuts off a last line that a crash has torn (nobody was told that it is durable); gives the length
 * that is left.
 */
async function wholeLines(file: FileHandle): Promise<number> {
  const { size } = await file.stat();
  const chunk = Buffer.alloc(64 * 1024);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - chunk.length);
    const { bytesRead } = await file.read(chunk, 0, end - start, start);
    const newline = chunk.subarray(0, bytesRead).lastIndexOf(0x0a);
    if (newline >= 0) {
      const whole = start + newline + 1;
      if (whole < size) await file.truncate(whole);
      return whole;
    }
    end = start;
  }
  if (size > 0) await file.truncate(0);
  return 0;
}

/** Makes the name of a new file durable. Systems that cannot sync a folder do not need it. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
