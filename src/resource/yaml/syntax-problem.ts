/** What the YAML parser complains about, in plain sentences with what to do. */
import type { YAMLError } from "yaml";

interface Sentence {
  readonly message: string;
  readonly suggestion?: string;
}

const sentences: Readonly<Record<string, Sentence>> = {
  TAB_AS_INDENT: { message: "a tab is used for indentation", suggestion: "indent with spaces" },
  BAD_INDENT: {
    message: "the indentation does not fit the lines above",
    suggestion: "indent the keys of one map alike",
  },
  BLOCK_AS_IMPLICIT_KEY: {
    message: "a map or list begins where a value was expected",
    suggestion: "check the indentation and the colons of this line",
  },
  BLOCK_IN_FLOW: { message: "indented lines cannot stand inside brackets" },
  IMPOSSIBLE: { message: "this cannot be read as YAML" },
  MISSING_CHAR: { message: "something is missing here" },
  MULTILINE_IMPLICIT_KEY: {
    message: "a key must stand on one line",
    suggestion: "check for a missing colon",
  },
  MULTIPLE_DOCS: { message: "another document begins here" },
  UNEXPECTED_TOKEN: { message: "this is not expected here" },
  BAD_ALIAS: { message: "this is not a valid alias" },
  BAD_DQ_ESCAPE: {
    message: "the backslash escape is not valid",
    suggestion: "use single quotes, or double the backslash",
  },
  BAD_SCALAR_START: {
    message: "a value cannot begin with this character",
    suggestion: "put the value in quotes",
  },
  KEY_OVER_1024_CHARS: { message: "a key is longer than 1024 characters" },
};

const missing: readonly (readonly [RegExp, string])[] = [
  [/closing "quote/, "the closing double quote is missing"],
  [/closing 'quote/, "the closing single quote is missing"],
  [/Missing , |, between/, "a comma is missing"],
  [/end with a (.)/, "the closing bracket is missing"],
  [/Implicit keys need to be on a single line|colon/, "a colon is missing"],
];

/** The sentence for an error of the parser. */
export function syntaxProblem(error: YAMLError): Sentence {
  if (error.code === "MISSING_CHAR") {
    const found = missing.find(([pattern]) => pattern.test(error.message));
    if (found !== undefined) return { message: found[1] };
  }
  return sentences[error.code] ?? { message: "this cannot be read as YAML" };
}
