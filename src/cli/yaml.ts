/**
 * Listings as YAML. A file of its own, because the library takes time to load and few commands need it; it names what it
 * imports, because the names of a package that is itself loaded with `import()` are lost in the build.
 */
import { stringify } from "yaml";

/** YAML in block style, keys sorted, lists not indented, long lines not folded. */
export function toYaml(value: unknown): string {
  const plain = JSON.parse(JSON.stringify(value ?? null)) as unknown;
  return stringify(plain, {
    // Quotes what an older reader would take for a time or a boolean.
    schema: "yaml-1.1",
    sortMapEntries: true,
    indentSeq: false,
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
}
