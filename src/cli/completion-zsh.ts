/** The zsh half of completion, with the summaries beside the words. */
import type { Candidate, CompletionNode } from "./completion.ts";

/** A script for a directory of zsh's `fpath`, under the name `_program`. */
export function zshCompletion(name: string, nodes: readonly CompletionNode[]): string {
  const paths = nodes.filter((node) => node.path !== "").map((node) => `"${node.path}"`);
  return `#compdef ${name}
# zsh completion for ${name}
_${name}() {
  local at="" word i
  local -a commands flags values
  for ((i = 2; i < CURRENT; i++)); do
    word="\${at:+$at }\${words[i]}"
    case "$word" in
      (${paths.join("|")}) at="$word" ;;
    esac
  done
  case "$at" in
${nodes.map(nodeCase).join("\n")}
  esac
  if [[ "\${words[CURRENT]}" == --*=* ]]; then
    case "$at \${words[CURRENT]%%=*}" in
${valueCases(nodes)}
    esac
    compset -P '*='
    if ((\${#values})); then compadd -a values; else _files; fi
  elif [[ "\${words[CURRENT]}" == -* ]]; then
    _describe -o 'flag' flags
  elif ((\${#commands})); then
    _describe 'command' commands
  else
    _files
  fi
}
if [[ "\${funcstack[1]}" == "_${name}" ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;
}

function nodeCase(node: CompletionNode): string {
  return `    ("${node.path}")
      commands=(${node.words.map(describe).join(" ")})
      flags=(${node.flags.map(describe).join(" ")}) ;;`;
}

function valueCases(nodes: readonly CompletionNode[]): string {
  return nodes
    .flatMap((node) =>
      node.flags.flatMap(({ word, flag }) =>
        flag.kind === "choice"
          ? [`      ("${node.path} ${word}") values=(${flag.choices.join(" ")}) ;;`]
          : [],
      ),
    )
    .join("\n");
}

function describe({ word, summary }: Candidate): string {
  const text = `${word}:${summary.replaceAll(":", "\\:")}`;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
