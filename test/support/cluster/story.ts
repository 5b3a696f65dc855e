/**
 * Stories of machines as a document tells them: blocks marked `console`, with what people type and read, and between
 * that, after a `#`, what happens to the machines. `docs/device-lives.md` is such a document.
 *
 *   # alice has enrolled laptop, asset tag TAG.
 *   alice@laptop$ a command line, run by sh
 *   a line that it prints
 *   ...                         any lines
 */

/** What happens: a person types something, or something befalls a machine. */
export type StoryStep =
  | {
      readonly kind: "command";
      readonly person: string;
      readonly machine: string;
      readonly line: string;
      readonly shown: readonly string[];
    }
  | { readonly kind: "happening"; readonly text: string };

/** One section of the document with at least one block. */
export interface Story {
  readonly title: string;
  readonly steps: readonly StoryStep[];
}

const prompt = /^(?<person>[a-z]+)@(?<machine>[a-z]+)\$ (?<line>.+)$/;

/** Reads the stories of a document, one for each heading of the second level. */
export function parseStories(markdown: string): Story[] {
  const [, ...sections] = markdown.split(/^## /m);
  return sections
    .map((section) => ({
      title: section.slice(0, section.indexOf("\n")),
      steps: [...section.matchAll(/^```console\n(.*?)^```$/gms)].flatMap(([, block = ""]) =>
        parseBlock(block),
      ),
    }))
    .filter(({ steps }) => steps.length > 0);
}

function parseBlock(block: string): StoryStep[] {
  const steps: StoryStep[] = [];
  let shown: string[] | undefined;
  for (const text of block.trimEnd().split("\n")) {
    const { person, machine, line } = prompt.exec(text)?.groups ?? {};
    if (text.startsWith("# ")) {
      steps.push({ kind: "happening", text: text.slice(2) });
      shown = undefined;
    } else if (person !== undefined && machine !== undefined && line !== undefined) {
      shown = [];
      steps.push({ kind: "command", person, machine, line, shown });
    } else if (shown === undefined) {
      throw new SyntaxError(`a line of a story belongs to no command: ${text}`);
    } else {
      shown.push(text);
    }
  }
  return steps;
}
