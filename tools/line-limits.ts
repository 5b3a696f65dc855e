/** How long a source file may be, and which files may be longer, each with its reason. */

/** No file below `src/` may have more lines than this. */
export const lineLimit = 500;

/** Files that may be longer. */
export const longer: Readonly<Record<string, string>> = {};
