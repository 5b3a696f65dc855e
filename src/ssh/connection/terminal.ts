/** The size and kind of a terminal, as pty and window-change requests carry them (RFC 4254 sections 6.2 and 6.7). */
import type { TerminalModes } from "./terminal-modes.ts";

/** A size in characters; in pixels too, where the client knows it (otherwise zero). */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
  readonly pixelWidth: number;
  readonly pixelHeight: number;
}

/** What a client asks a pseudo-terminal to be. */
export interface Terminal extends TerminalSize {
  /** The value of TERM. */
  readonly term: string;
  readonly modes: TerminalModes;
}
