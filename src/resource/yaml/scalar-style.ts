/**
 * How one text is written in YAML so that every reader, also one of YAML 1.1, gets the same text
 * back: plain when it cannot be mistaken, in double quotes when it looks like another type ("yes",
 * "12", times, empty), in single quotes when its characters need it (`'*'`, templates), as a block
 * when it has lines. The choice is that of the public API.
 */

/** The text as a YAML scalar; `indent` is the column of the lines of a block. */
export function formatScalar(text: string, indent: number): string {
  if (!isPrintable(text)) return quoteDouble(text);
  if (text.includes("\n")) return canBlock(text) ? formatBlock(text, indent) : quoteDouble(text);
  if (looksLikeOtherType(text)) return quoteDouble(text);
  if (canBePlain(text)) return text;
  return `'${text.replaceAll("'", "''")}'`;
}

function isPrintable(text: string): boolean {
  return /^[\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]*$/u.test(
    text,
  );
}

const words = new Set(
  [
    "y",
    "n",
    "yes",
    "no",
    "on",
    "off",
    "true",
    "false",
    "null",
    "~",
    "<<",
    "=",
    "---",
    "...",
  ].flatMap((word) => [word, word.toUpperCase(), word.charAt(0).toUpperCase() + word.slice(1)]),
);

const otherTypes: readonly RegExp[] = [
  /^$/,
  /^[-+]?[0-9][0-9_]*$/,
  /^[-+]?0(?:x[0-9a-fA-F_]+|o?[0-7_]+|b[01_]+)$/,
  /^[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9_]*)(?:[eE][-+]?[0-9]+)?$/,
  /^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$/,
  /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/,
  /^\d{4}-\d{1,2}-\d{1,2}(?:$|[Tt\s])/,
];

function looksLikeOtherType(text: string): boolean {
  return words.has(text) || otherTypes.some((pattern) => pattern.test(text));
}

/** In block style only the beginning, ": " and " #" are dangerous. */
function canBePlain(text: string): boolean {
  if (/^[#,[\]{}&*!|>'"%@`\s]/.test(text)) return false;
  if (/^[-?:](?:\s|$)/.test(text) || /^(?:---|\.\.\.)/.test(text)) return false;
  return !/:(?:\s|$)|\s#|\s$/.test(text);
}

function canBlock(text: string): boolean {
  return !/^[ \n]/.test(text) && !/[ \t]\n|[ \t]$/.test(text);
}

function formatBlock(text: string, indent: number): string {
  const body = text.replace(/\n+$/, "");
  const newlines = text.length - body.length;
  const chomping = newlines === 0 ? "-" : newlines === 1 ? "" : "+";
  const pad = " ".repeat(indent);
  const lines = body.split("\n").map((line) => (line === "" ? "" : pad + line));
  return [`|${chomping}`, ...lines, ...Array(Math.max(0, newlines - 1)).fill("")].join("\n");
}

function quoteDouble(text: string): string {
  const escaped = text.replace(
    /["\\\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]/gu,
    (char) => escapes[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `"${escaped}"`;
}

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};
