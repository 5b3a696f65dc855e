/** The fish half of completion: one `complete` line per word and flag, on the condition of the path before it. */
import type { CompletionNode } from "./completion.ts";

/** A script for fish's `completions` folder. */
export function fishCompletion(name: string, nodes: readonly CompletionNode[]): string {
  const at = `__${name}_at`;
  const paths = nodes.filter((node) => node.path !== "").map((node) => quote(node.path));
  const lines = nodes.flatMap((node) => nodeLines(name, at, node));
  return `# fish completion for ${name}
function ${at}
    set -l found ""
    for word in (commandline -opc)[2..-1]
        set -l next (string trim -- "$found $word")
        if contains -- "$next" ${paths.join(" ")}
            set found "$next"
        end
    end
    test "$found" = "$argv[1]"
end
${lines.join("\n")}
`;
}

function nodeLines(name: string, at: string, node: CompletionNode): readonly string[] {
  const head = `complete -c ${name} -n ${quote(`${at} "${node.path}"`)}`;
  const files = node.words.length > 0 ? " -f" : "";
  const words = node.words.map(({ word, summary }) => `${head} -f -a ${word} -d ${quote(summary)}`);
  const flags = node.flags.map(({ word, summary, flag }) => {
    const short = flag.short === undefined ? "" : ` -s ${flag.short}`;
    const value = flag.kind === "boolean" ? "" : " -r";
    const values = flag.kind === "choice" ? ` -f -a ${quote(flag.choices.join(" "))}` : files;
    return `${head} -l ${word.slice(2)}${short}${value}${values} -d ${quote(summary)}`;
  });
  return [...words, ...flags];
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
