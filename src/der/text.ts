/**
 * Character strings (X.690 section 8.23): PrintableString, UTF8String and IA5String. Others are
 * refused.
 */
import { utf8 } from "#base/bytes.ts";
import { Fault } from "#base/fault.ts";
import { tags } from "./tags.ts";

const printable = /^[A-Za-z0-9 '()+,\-./:=?]*$/;
const ascii = /^[\x00-\x7f]*$/;

/** True when every character is in the alphabet of PrintableString (X.680 section 41.4). */
export function isPrintable(text: string): boolean {
  return printable.test(text);
}

/**
 * The smallest type that holds the text: PrintableString, else UTF8String. Throws `invalid` for
 * half surrogates.
 */
export function encodeTextContents(text: string): { tag: number; contents: Uint8Array } {
  if (isPrintable(text))
    return { tag: tags.printableString, contents: Buffer.from(text, "latin1") };
  if (!text.isWellFormed()) {
    throw new Fault("invalid", "a text holds half of a surrogate pair");
  }
  return { tag: tags.utf8String, contents: utf8(text) };
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Decodes the contents of a string of one of the three types; throws `malformed` outside of its
 * alphabet.
 */
export function decodeTextContents(tag: number, contents: Uint8Array): string {
  const text = decodeUtf8(contents);
  const fits =
    tag === tags.utf8String ||
    (tag === tags.printableString && isPrintable(text)) ||
    (tag === tags.ia5String && ascii.test(text));
  if (!fits) {
    throw new Fault(
      "malformed",
      "a character string has a type or a character that is not allowed",
    );
  }
  return text;
}

function decodeUtf8(contents: Uint8Array): string {
  try {
    return strictUtf8.decode(contents);
  } catch (cause) {
    throw new Fault("malformed", "a character string is not valid UTF-8", { cause });
  }
}
