/** The bash half of completion. Bash splits `--format=json` at the equals sign, so values are a case of their own. */
import type { CompletionNode } from "./completion.ts";

/** A script for `source <(program completion bash)`. */
export function bashCompletion(name: string, nodes: readonly CompletionNode[]): string {
  const fn = `_${name}_complete`;
  const paths = nodes.filter((node) => node.path !== "").map((node) => `"${node.path}"`);
  return `# bash completion for ${name}
${fn}() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" at="" flag="" words="" flags="" i word
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${at:+$at }\${COMP_WORDS[i]}"
    case "$word" in
      ${paths.join(" | ")}) at="$word" ;;
    esac
  done
  if [[ "$cur" == "=" ]]; then
    flag="\${COMP_WORDS[COMP_CWORD - 1]}" cur=""
  elif ((COMP_CWORD > 1)) && [[ "\${COMP_WORDS[COMP_CWORD - 1]}" == "=" ]]; then
    flag="\${COMP_WORDS[COMP_CWORD - 2]}"
  fi
  if [[ -n "$flag" ]]; then
    case "$at $flag" in
${valueCases(nodes)}
      *) compopt -o default 2>/dev/null; return ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
    return
  fi
  case "$at" in
${nodes.map(nodeCase).join("\n")}
  esac
  if [[ "$cur" == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
    [[ "\${COMPREPLY[0]}" == *= ]] && compopt -o nospace 2>/dev/null
  elif [[ -n "$words" ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  else
    compopt -o default 2>/dev/null
  fi
}
complete -F ${fn} ${name}
`;
}

function nodeCase(node: CompletionNode): string {
  const words = node.words.map((candidate) => candidate.word).join(" ");
  const flags = node.flags
    .map(({ word, flag }) => (flag.kind === "boolean" ? word : `${word}=`))
    .join(" ");
  return `    "${node.path}") words="${words}" flags="${flags}" ;;`;
}

function valueCases(nodes: readonly CompletionNode[]): string {
  return nodes
    .flatMap((node) =>
      node.flags.flatMap(({ word, flag }) =>
        flag.kind === "choice"
          ? [`      "${node.path} ${word}") words="${flag.choices.join(" ")}" ;;`]
          : [],
      ),
    )
    .join("\n");
}
