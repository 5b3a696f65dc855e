/** The logging port. Code receives a {@link Logger}; only `daemon` decides where lines go. */

/** Structured fields of a log line. Never put a secret in one. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes log lines. `fields` may carry `error`, whose stack and causes are logged. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to every line. */
  child(fields: LogFields): Logger;
}

/** A logger that drops everything: the default in pure code and tests. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
