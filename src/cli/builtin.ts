/** The commands that every program has: `help`, `version`, `completion`. */
import { many } from "./argument.ts";
import { type Command, defineCommand } from "./command.ts";
import { choice } from "./flag.ts";
import type { Program } from "./program.ts";

/** The program with its built-in commands, which stand last. */
export function withBuiltins<P extends Program>(program: P): P {
  const whole: P = {
    ...program,
    groups: { ...program.groups, completion: "print a completion script" },
    commands: [...program.commands, ...builtinCommands(program.name, () => whole)],
  };
  return whole;
}

function builtinCommands(name: string, program: () => Program): readonly Command[] {
  return [
    defineCommand({
      path: ["version"],
      summary: "print the version",
      example: `${name} version`,
      flags: {
        format: choice(["text", "json", "yaml"], "form of the output", { default: "text" }),
      },
      run: async () => {
        const { printVersion } = await import("./version.ts");
        return printVersion(program());
      },
    }),
    ...["bash", "zsh", "fish"].map((shell) =>
      defineCommand({
        path: ["completion", shell],
        summary: `print the completion script for ${shell}`,
        example: completionExample(name, shell),
        run: async () => {
          const { printCompletion } = await import("./completion.ts");
          return printCompletion(program(), shell);
        },
      }),
    ),
    defineCommand({
      path: ["help"],
      summary: "show what a command does and takes",
      example: `${name} help version`,
      arguments: { command: many("words of the command") },
      run: async () => {
        const { printHelp } = await import("./help.ts");
        return printHelp(program());
      },
    }),
  ];
}

function completionExample(name: string, shell: string): string {
  if (shell === "fish") return `${name} completion fish > ~/.config/fish/completions/${name}.fish`;
  if (shell === "zsh") return `${name} completion zsh > "\${fpath[1]}/_${name}"`;
  return `source <(${name} completion bash)`;
}
