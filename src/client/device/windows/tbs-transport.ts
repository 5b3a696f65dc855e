/**
 * The way to the TPM of a Windows machine: TPM Base Services, which share it between programs and keep their keys apart.
 * EXPERIMENTAL: proven under wine in front of a software TPM, not yet run on Windows (docs/platforms.md).
 */
import { Fault } from "#base/fault.ts";
import type { TpmTransport } from "#tpm/client.ts";
import { exchangeFault, maxAnswer, withTimeout } from "../tpm-exchange.ts";
import { loadTbs, type TbsContext, type TbsLibrary } from "./libraries.ts";
import { isNoPassword, oldTpmFault, passwordFault, tbsFault } from "./tbs-result.ts";

/** As much as a server takes. */
const maxEventLog = 1024 * 1024;
/** No password of a hierarchy is longer than a digest. */
const maxPassword = 64;

/** Opens the TPM. Throws `environment` when there is none, or it may not be used, or the service does not run. */
export async function openTbsTransport(
  loadLibrary: () => Promise<TbsLibrary> = loadTbs,
): Promise<TpmTransport> {
  const library = await loadLibrary();
  return new TbsTransport(library, openContext(library));
}

/** The firmware's log as Windows keeps it. Throws `environment` that says why there is none. */
export async function readTbsEventLog(
  loadLibrary: () => Promise<TbsLibrary> = loadTbs,
): Promise<Uint8Array> {
  const library = await loadLibrary();
  const context = openContext(library);
  try {
    const size = library.getLog(context, undefined);
    if (size.result !== 0) throw tbsFault(size.result);
    if (size.length > maxEventLog) {
      throw new Fault("too-large", `the event log has ${size.length} bytes`);
    }
    const log = new Uint8Array(size.length);
    const { result, length } = library.getLog(context, log);
    if (result !== 0) throw tbsFault(result);
    return log.subarray(0, length);
  } finally {
    library.closeContext(context);
  }
}

function openContext(library: TbsLibrary): TbsContext {
  const info = library.getDeviceInfo();
  if (info.result !== 0) throw tbsFault(info.result);
  if (info.version !== 2) throw oldTpmFault();
  const { result, context } = library.createContext();
  if (result !== 0) throw tbsFault(result);
  return context;
}

class TbsTransport implements TpmTransport {
  readonly #library: TbsLibrary;
  #context: TbsContext | undefined;

  constructor(library: TbsLibrary, context: TbsContext) {
    this.#library = library;
    this.#context = context;
  }

  async transmit(command: Uint8Array): Promise<Uint8Array> {
    if (this.#context === undefined) throw exchangeFault();
    const answer = new Uint8Array(maxAnswer);
    const submitted = this.#library.submit(this.#context, command, answer);
    const { result, length } = await withTimeout(submitted);
    if (result !== 0) throw tbsFault(result);
    if (length > answer.length) throw exchangeFault();
    return answer.slice(0, length);
  }

  /** Windows gives the hierarchy a password when it sets the TPM up, and tells it to administrators. */
  async endorsementPassword(): Promise<Uint8Array | undefined> {
    if (this.#context === undefined) throw exchangeFault();
    const password = new Uint8Array(maxPassword);
    const { result, length } = this.#library.getEndorsementAuth(this.#context, password);
    if (isNoPassword(result)) return undefined;
    if (result !== 0) throw passwordFault(result);
    if (length > password.length) throw exchangeFault();
    return password.slice(0, length);
  }

  async close(): Promise<void> {
    const context = this.#context;
    this.#context = undefined;
    if (context !== undefined) this.#library.closeContext(context);
  }
}
