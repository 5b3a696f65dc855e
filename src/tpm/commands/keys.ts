/** Commands that make, load and remove keys (TPM 2.0 Library Part 3 sections 12, 24, 28). */
import { permanentHandle } from "../constants.ts";
import { type CreationDataBytes, claimForm, type ObjectName, type PublicBytes } from "../forms.ts";
import { TpmWriter } from "../wire.ts";
import { type Authorization, type Command, command, emptyPassword } from "./command.ts";

const maxPublic = 1024;
const maxPrivate = 1024;
const maxName = 66;

/** No user secret, no imported data. */
const emptySensitive = new TpmWriter().sized(new TpmWriter().uint16(0).uint16(0).done()).done();
const noPcrs = new TpmWriter().uint32(0).done();

/** A key that the TPM made: `private` is encrypted by the parent and useless in any other TPM. */
export interface CreatedKey {
  readonly private: Uint8Array;
  readonly public: PublicBytes;
  readonly createData: CreationDataBytes;
  readonly creationHash: Uint8Array;
  /** TPMT_TK_CREATION: lets the TPM attest the creation later. */
  readonly creationTicket: Uint8Array;
}

/** A public area, the name that the TPM computed for it, and the handle where it was asked for. */
export interface LoadedKey {
  readonly handle: number;
  readonly public: PublicBytes;
  readonly name: ObjectName;
}

/** TPM2_CreatePrimary: derives a key from the seed of a hierarchy. Same template, same key, until the TPM is cleared. */
export function createPrimary(
  hierarchy: number,
  template: PublicBytes,
  authorization: Authorization = emptyPassword,
): Command<LoadedKey> {
  return command({
    name: "TPM2_CreatePrimary",
    code: 0x131,
    handles: [hierarchy],
    authorizations: [authorization],
    parameters: new TpmWriter().raw(emptySensitive).sized(template).uint16(0).raw(noPcrs).done(),
    answersHandle: true,
    read(from, handle) {
      const area = from.sized(maxPublic);
      from.sized(maxPublic); // creation data
      from.sized(64); // creation hash
      from.take(6); // ticket: tag and hierarchy
      from.sized(64);
      return { handle, public: claimForm(area), name: claimForm(from.sized(maxName)) };
    },
  });
}

/** TPM2_Create: a fresh key under a parent. */
export function createKey(parent: number, template: PublicBytes): Command<CreatedKey> {
  return command({
    name: "TPM2_Create",
    code: 0x153,
    handles: [parent],
    authorizations: [emptyPassword],
    parameters: new TpmWriter().raw(emptySensitive).sized(template).uint16(0).raw(noPcrs).done(),
    read: (from) => ({
      private: from.sized(maxPrivate),
      public: claimForm(from.sized(maxPublic)),
      createData: claimForm(from.sized(maxPublic)),
      creationHash: from.sized(64),
      creationTicket: from.rest(),
    }),
  });
}

/** TPM2_Load; answers the handle. Fails with INTEGRITY for a key of another TPM or of this one before a clear. */
export function loadKey(
  parent: number,
  key: Pick<CreatedKey, "private" | "public">,
): Command<number> {
  return command({
    name: "TPM2_Load",
    code: 0x157,
    handles: [parent],
    authorizations: [emptyPassword],
    parameters: new TpmWriter().sized(key.private).sized(key.public).done(),
    answersHandle: true,
    read(from, handle) {
      from.sized(maxName);
      return handle;
    },
  });
}

/** TPM2_ReadPublic. */
export function readPublic(handle: number): Command<LoadedKey> {
  return command({
    name: "TPM2_ReadPublic",
    code: 0x173,
    handles: [handle],
    read(from) {
      const area = from.sized(maxPublic);
      const name = from.sized(maxName);
      from.sized(maxName); // qualified name
      return { handle, public: claimForm(area), name: claimForm(name) };
    },
  });
}

/** TPM2_EvictControl: keeps a loaded key of the owner hierarchy under a persistent handle. */
export function makePersistent(handle: number, persistent: number): Command<void> {
  return command({
    name: "TPM2_EvictControl",
    code: 0x120,
    handles: [permanentHandle.owner, handle],
    authorizations: [emptyPassword],
    parameters: new TpmWriter().uint32(persistent).done(),
    read() {},
  });
}

/** TPM2_FlushContext: frees a loaded key or a session. */
export function flushContext(handle: number): Command<void> {
  return command({
    name: "TPM2_FlushContext",
    code: 0x165,
    parameters: new TpmWriter().uint32(handle).done(),
    read() {},
  });
}
