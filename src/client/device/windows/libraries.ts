/**
 * The functions of Windows that make a machine a device, called through koffi: TPM Base Services (tbs.dll) and the firmware
 * tables (kernel32.dll). Nothing here decides anything; results are numbers as Windows gives them. Prototypes are those of
 * Microsoft's reference of tbs.h and sysinfoapi.h. Loaded on Windows only.
 */
import { Fault } from "#base/fault.ts";

/** A context of the services; only passed back to them. */
export type TbsContext = unknown;

/** tbs.dll. Every result is zero or an error of {@link tbsFault}. */
export interface TbsLibrary {
  /** Tbsi_GetDeviceInfo. `version` is 1 or 2: that of the TPM. */
  getDeviceInfo(): { readonly result: number; readonly version: number };
  /** Tbsi_Context_Create for a TPM 2.0. */
  createContext(): { readonly result: number; readonly context: TbsContext };
  /** Tbsip_Submit_Command, on another thread. Writes the answer; `length` is that of the answer. */
  submit(
    context: TbsContext,
    command: Uint8Array,
    answer: Uint8Array,
  ): Promise<{ readonly result: number; readonly length: number }>;
  /** Tbsip_Context_Close. */
  closeContext(context: TbsContext): number;
  /** Tbsi_Get_OwnerAuth for the endorsement hierarchy of a TPM 2.0. Writes the password; `length` is that of it. */
  getEndorsementAuth(
    context: TbsContext,
    into: Uint8Array,
  ): { readonly result: number; readonly length: number };
  /** Tbsi_Get_TCG_Log into the buffer; without one it gives the size alone. */
  getLog(
    context: TbsContext,
    into: Uint8Array | undefined,
  ): { readonly result: number; readonly length: number };
}

/** TBS_CONTEXT_PARAMS2: version two, with the flag includeTpm20. */
const contextParams = Uint32Array.of(2, 4);
/** TPM_DEVICE_INFO is four numbers; the second is the TPM's version. */
const deviceInfoNumbers = 4;
/** TBS_COMMAND_LOCALITY_ZERO and TBS_COMMAND_PRIORITY_NORMAL. */
const locality = 0;
const normalPriority = 200;
/** TBS_OWNERAUTH_TYPE_ENDORSEMENT_20. */
const endorsementAuth = 12;
/** "RSMB": the raw SMBIOS table. */
const smbiosProvider = 0x52534d42;

/** Loads tbs.dll. Throws `environment` where that is not possible. */
export async function loadTbs(): Promise<TbsLibrary> {
  const library = await load("tbs.dll");
  const getDeviceInfo = library.func("uint32_t Tbsi_GetDeviceInfo(uint32_t size, uint32_t *info)");
  const createContext = library.func(
    "uint32_t Tbsi_Context_Create(const uint32_t *params, _Out_ void **context)",
  );
  const submit = library.func(
    "uint32_t Tbsip_Submit_Command(void *context, uint32_t locality, uint32_t priority, const uint8_t *command, uint32_t length, uint8_t *answer, uint32_t *capacity)",
  );
  const closeContext = library.func("uint32_t Tbsip_Context_Close(void *context)");
  const getOwnerAuth = library.func(
    "uint32_t Tbsi_Get_OwnerAuth(void *context, uint32_t type, uint8_t *into, uint32_t *capacity)",
  );
  const getLog = library.func(
    "uint32_t Tbsi_Get_TCG_Log(void *context, uint8_t *log, uint32_t *capacity)",
  );
  return {
    getDeviceInfo() {
      const info = new Uint32Array(deviceInfoNumbers);
      const result = Number(getDeviceInfo(info.byteLength, info));
      return { result, version: info[1] ?? 0 };
    },
    createContext() {
      const context: unknown[] = [null];
      return { result: Number(createContext(contextParams, context)), context: context[0] };
    },
    submit(context, command, answer) {
      const capacity = Uint32Array.of(answer.length);
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      const done = (error: unknown, result: unknown) =>
        error ? reject(error) : resolve(Number(result));
      const words = [command, command.length, answer, capacity] as const;
      submit.async(context, locality, normalPriority, ...words, done);
      return promise.then((result) => ({ result, length: capacity[0] ?? 0 }));
    },
    closeContext: (context) => Number(closeContext(context)),
    getEndorsementAuth(context, into) {
      const capacity = Uint32Array.of(into.length);
      const result = Number(getOwnerAuth(context, endorsementAuth, into, capacity));
      return { result, length: capacity[0] ?? 0 };
    },
    getLog(context, into) {
      const capacity = Uint32Array.of(into?.length ?? 0);
      const result = Number(getLog(context, into ?? null, capacity));
      return { result, length: capacity[0] ?? 0 };
    },
  };
}

/** GetSystemFirmwareTable: the raw SMBIOS table with Windows' header in front; empty when there is none. */
export async function readSmbiosTable(): Promise<Uint8Array> {
  const read = (await load("kernel32.dll")).func(
    "uint32_t GetSystemFirmwareTable(uint32_t provider, uint32_t table, uint8_t *into, uint32_t capacity)",
  );
  const size = Number(read(smbiosProvider, 0, null, 0));
  const table = new Uint8Array(size);
  const length = size === 0 ? 0 : Number(read(smbiosProvider, 0, table, size));
  // A size that grew in between is told instead of a table.
  return length <= size ? table.subarray(0, length) : new Uint8Array(0);
}

async function load(name: string) {
  try {
    const { default: koffi } = await import("@koromix/koffi-win32-x64");
    return koffi.load(name);
  } catch (cause) {
    throw new Fault("environment", `${name} of Windows cannot be called`, {
      hint: "install tsh again with its optional packages (@koromix/koffi-win32-x64), for Windows on x64",
      cause,
    });
  }
}
