/** Firmware event logs for tests: a plausible boot, and the means to spoil it. */
import { createHash } from "node:crypto";
import { concat, utf8 } from "#base/bytes.ts";

/** One record before it is encoded. */
export interface TestEvent {
  readonly pcr: number;
  readonly type: number;
  readonly data: Uint8Array;
  /** What is measured when it is not the data. */
  readonly measured?: Uint8Array;
}

const banks = [
  [0x04, "sha1"],
  [0x0b, "sha256"],
] as const;

/** Little-endian 16, 32 and 64 bits. */
export const le16 = (value: number) => Uint8Array.of(value, value >>> 8);
export const le32 = (value: number) => concat(le16(value), le16(value >>> 16));
export const le64 = (value: number) => concat(le32(value), le32(0));

/** The first record of a crypto-agile log with SHA-1 and SHA-256. */
export function specIdEvent(
  algorithms: readonly (readonly [number, number])[] = [
    [0x04, 20],
    [0x0b, 32],
  ],
): Uint8Array {
  const data = concat(
    utf8("Spec ID Event03\0"),
    le32(0),
    Uint8Array.of(0, 2, 0, 2),
    le32(algorithms.length),
    ...algorithms.flatMap(([id, size]) => [le16(id), le16(size)]),
    Uint8Array.of(0),
  );
  return concat(le32(0), le32(3), new Uint8Array(20), le32(data.length), data);
}

/** The digests of an event by TPM_ALG_ID. */
export function digestsOf(event: TestEvent): Map<number, Uint8Array> {
  const measured = event.measured ?? event.data;
  const digest = (name: string) => new Uint8Array(createHash(name).update(measured).digest());
  return new Map(banks.map(([id, name]) => [id, digest(name)]));
}

/** A crypto-agile log. */
export function encodeEventLog(events: readonly TestEvent[]): Uint8Array {
  return concat(specIdEvent(), ...events.map(encodeEvent));
}

function encodeEvent(event: TestEvent): Uint8Array {
  const digests = [...digestsOf(event)].map(([id, digest]) => concat(le16(id), digest));
  const header = concat(le32(event.pcr), le32(event.type), le32(digests.length));
  return concat(header, ...digests, le32(event.data.length), event.data);
}

/** Where the firmware keeps the variables about Secure Boot (UEFI 2.10 sections 3.3 and 32.4.1). */
const globalVariables = "61dfe48bca93d211aa0d00e098032b8c";
const imageSecurity = "cbb219d73a3d9645a3bcdad00e67656f";

/** A UEFI variable as firmware measures it, in the namespace of its name unless another is given. */
export function uefiVariable(
  name: string,
  data: Uint8Array,
  namespace = name.startsWith("db") ? imageSecurity : globalVariables,
): Uint8Array {
  const text = new Uint8Array(Buffer.from(name, "utf16le"));
  const guid = new Uint8Array(Buffer.from(namespace, "hex"));
  return concat(guid, le64(name.length), le64(data.length), text, data);
}

/** The events of a boot: Secure Boot variables, one separator per firmware PCR, one authority. */
export function bootEvents(secureBoot: boolean): TestEvent[] {
  const variable = (name: string, data: Uint8Array) => {
    return { pcr: 7, type: 0x80000001, data: uefiVariable(name, data) };
  };
  const key = secureBoot ? new Uint8Array(40).fill(9) : new Uint8Array(0);
  return [
    { pcr: 0, type: 0x00000008, data: utf8("firmware volume") },
    variable("SecureBoot", Uint8Array.of(secureBoot ? 1 : 0)),
    ...["PK", "KEK", "db", "dbx"].map((name) => variable(name, key)),
    ...[0, 1, 2, 3, 4, 5, 6, 7].map((pcr) => ({ pcr, type: 4, data: new Uint8Array(4) })),
    { pcr: 7, type: 0x800000e0, data: uefiVariable("db", new Uint8Array(60)) },
    { pcr: 4, type: 0x80000003, data: utf8("boot loader"), measured: utf8("its image") },
  ];
}
