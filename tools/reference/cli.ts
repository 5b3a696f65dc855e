/** The reference pages of the command lines, made from the same tables as parsing and `--help`. */
import { formatDuration } from "#base/duration.ts";
import { withBuiltins } from "#cli/builtin.ts";
import type { Command } from "#cli/command.ts";
import type { Flag, Flags } from "#cli/flag.ts";
import { engineFlags } from "#cli/parse.ts";
import type { Program } from "#cli/program.ts";
import { formatArgument, formatFlag, formatUsage } from "#cli/spelling.ts";
import { code, generatedMark, plain, sentence, table } from "./markdown.ts";

/** The page of one program. */
export function formatCliPage(given: Program): string {
  const program = withBuiltins(given);
  const commands = program.commands.filter(({ hidden }) => !hidden);
  const parts = [
    generatedMark,
    `# ${program.name}`,
    `${sentence(program.summary)} Exit codes: 0, 1 failure, 2 wrong usage, 130 Ctrl-C.`,
    table(
      ["command", "what it does"],
      commands.map((command) => [
        `[${code(titleOf(program, command))}](#${anchorOf(program, command)})`,
        plain(command.summary),
      ]),
    ),
    "## Flags of every command",
    flagTable({ ...program.shared, ...engineFlags }),
    ...commands.flatMap((command) => formatCommand(program, command)),
  ];
  return `${parts.join("\n\n")}\n`;
}

function formatCommand(program: Program, command: Command): string[] {
  const parts = [
    `## ${titleOf(program, command)}`,
    sentence(plain(command.summary)),
    `    ${formatUsage(program.name, command)}`,
  ];
  const args = Object.entries(command.arguments);
  if (args.length > 0) {
    const rows = args.map(([key, argument]) => [
      code(formatArgument(key, argument)),
      plain(argument.summary),
    ]);
    parts.push(table(["argument", "meaning"], rows));
  }
  const listed = Object.values(command.flags).some(({ hidden }) => !hidden);
  if (listed) parts.push(flagTable(command.flags));
  parts.push("Example:", `    ${command.example}`);
  return parts;
}

function flagTable(flags: Flags): string {
  const rows = Object.entries(flags)
    .filter(([, flag]) => !flag.hidden)
    .map(([key, flag]) => [
      code(`${flag.short === undefined ? "" : `-${flag.short}, `}${formatFlag(key, flag)}`),
      plain(flag.summary),
      notesOf(flag),
    ]);
  return table(["flag", "meaning", "notes"], rows);
}

function notesOf(flag: Flag): string {
  const fallback = "default" in flag ? flag.default : undefined;
  const shown = typeof fallback === "number" ? formatDuration(fallback) : fallback;
  const notes = [
    flag.required ? "required" : "",
    shown === undefined ? "" : `default ${code(String(shown))}`,
    flag.env === undefined ? "" : `or ${code(`$${flag.env}`)}`,
  ];
  return notes.filter((note) => note !== "").join(", ");
}

function titleOf(program: Program, command: Command): string {
  return [program.name, ...command.path].join(" ");
}

function anchorOf(program: Program, command: Command): string {
  return titleOf(program, command).toLowerCase().replaceAll(" ", "-");
}
