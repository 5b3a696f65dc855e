/** Reading NV indices (TPM 2.0 Library Part 3 section 31). */
import { TpmReader, TpmWriter } from "../wire.ts";
import { type Command, command, emptyPassword } from "./command.ts";

/** TPM2_NV_ReadPublic: the size of the index in bytes. */
export function readNvSize(index: number): Command<number> {
  return command({
    name: "TPM2_NV_ReadPublic",
    code: 0x169,
    handles: [index],
    read(from) {
      const area = new TpmReader(from.sized(256), "TPMS_NV_PUBLIC");
      area.take(10); // index, name algorithm, attributes
      area.sized(64); // policy
      const size = area.uint16();
      area.end();
      from.sized(66); // name
      return size;
    },
  });
}

/** TPM2_NV_Read of a part, authorized by the index itself with an empty password. */
export function readNvPart(index: number, offset: number, length: number): Command<Uint8Array> {
  return command({
    name: "TPM2_NV_Read",
    code: 0x14e,
    handles: [index, index],
    authorizations: [emptyPassword],
    parameters: new TpmWriter().uint16(length).uint16(offset).done(),
    read: (from) => from.sized(length),
  });
}
