/**
 * What the firmware calls its own version: the EV_S_CRTM_VERSION event of PCR 0 (TCG PC Client Platform Firmware Profile
 * 1.06 section 3.3.4.1). Call only when the replay explains PCR 0. The name is the firmware's word, and the type of an
 * event is covered by no digest: who must know the firmware exactly compares PCR 0.
 */
import { hex } from "#base/bytes.ts";
import { eventType, type LogEvent, measures } from "./event-log.ts";

const maxBytes = 512;
/** UEFI 2.10 section 2.3: text of firmware is UTF-16, little-endian, with a NUL at its end. Some firmware writes ASCII. */
const encodings = ["utf-16le", "utf-8"] as const;

/** The version, or undefined when the log names none, several, or one that was not measured as it stands. */
export function readFirmwareVersion(events: readonly LogEvent[]): string | undefined {
  const found = events.filter(({ pcr, type }) => pcr === 0 && type === eventType.crtmVersion);
  const [event] = found;
  if (event === undefined || found.length > 1 || !measures(event, event.data)) return undefined;
  return formatVersion(event.data);
}

function formatVersion(data: Uint8Array): string | undefined {
  if (data.length === 0 || data.length > maxBytes) return undefined;
  for (const encoding of encodings) {
    const text = decode(data, encoding)?.replace(/\0+$/, "");
    // Bytes that are no text, such as a GUID, make unprintable characters in either encoding.
    if (text !== undefined && /^[\x20-\x7e]+$/.test(text)) return text.trim() || undefined;
  }
  return `0x${hex(data)}`;
}

function decode(data: Uint8Array, encoding: (typeof encodings)[number]): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(data);
  } catch {
    return undefined;
  }
}
