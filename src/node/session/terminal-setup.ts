/**
 * Preparing a terminal for a login: it belongs to the login, its name is known to the program, and the modes that the
 * client asked for hold (RFC 4254 section 8). Said as commands for sh(1), because the runtime cannot set modes itself.
 */
import type { TerminalModes } from "#ssh/connection/terminal-modes.ts";

/** Control characters by opcode, as stty(1) calls them. */
const characters: ReadonlyMap<number, string> = new Map([
  [1, "intr"],
  [2, "quit"],
  [3, "erase"],
  [4, "kill"],
  [5, "eof"],
  [6, "eol"],
  [7, "eol2"],
  [8, "start"],
  [9, "stop"],
  [10, "susp"],
  [12, "rprnt"],
  [13, "werase"],
  [14, "lnext"],
  [18, "discard"],
]);

/** Switches by opcode. Those that Linux does not have are left out. */
const switches: ReadonlyMap<number, string> = new Map([
  ...numbered(30, "ignpar parmrk inpck istrip inlcr igncr icrnl iuclc ixon ixany ixoff imaxbel"),
  [42, "iutf8"],
  ...numbered(50, "isig icanon xcase echo echoe echok echonl noflsh tostop iexten echoctl echoke"),
  ...numbered(70, "opost olcuc onlcr ocrnl onocr onlret"),
]);

/** A control character of this value is switched off. */
const disabled = 255;

/** Arguments of stty(1) for the modes of a client; modes that nobody knows are left out, as the RFC wants. */
export function sttyArguments(modes: TerminalModes): string[] {
  const args: string[] = [];
  for (const [opcode, value] of modes) {
    const character = characters.get(opcode);
    const flag = switches.get(opcode);
    if (character !== undefined && value <= disabled) {
      const code = `0x${value.toString(16).padStart(2, "0")}`;
      args.push(character, value === disabled ? "undef" : code);
    } else if (flag !== undefined) args.push(value === 0 ? `-${flag}` : flag);
  }
  return args;
}

/** The commands. `owner` is the account's uid when the terminal has to change hands. */
export function terminalSetup(modes: TerminalModes, owner: number | undefined): string {
  const lines = ["SSH_TTY=$(tty) && export SSH_TTY"];
  if (owner !== undefined) lines.push(`chown ${owner} "$SSH_TTY"`);
  const args = sttyArguments(modes);
  // One mode that this machine refuses must not cost the others.
  if (args.length > 0) {
    lines.push(`stty ${args.join(" ")} 2>/dev/null || true`);
  }
  return lines.join("\n");
}

function numbered(first: number, names: string): [number, string][] {
  return names.split(" ").map((name, index) => [first + index, name]);
}
