/** Log lines through pino: one line of text for people, or JSON for collectors. The only file that knows pino. */
import pino, { type Logger as Pino } from "pino";
import { formatDuration } from "#base/duration.ts";
import type { LogFields, Logger } from "#base/log.ts";
import type { LogConfig } from "./config/config.ts";

/** Opens the log that the configuration describes. */
export function openLogger(config: LogConfig): Logger {
  const destination = pino.destination({
    dest: config.output === "stdout" ? 1 : config.output === "stderr" ? 2 : config.output,
    sync: true,
    mkdir: true,
  });
  const options = {
    level: config.severity,
    base: null,
    serializers: { error: pino.stdSerializers.errWithCause },
  };
  if (config.format === "json") {
    return adapt(pino(options, destination));
  }
  const lines = {
    write(json: string) {
      destination.write(formatLine(JSON.parse(json) as Record<string, unknown>));
    },
  };
  return adapt(pino(options, lines));
}

function adapt(log: Pino): Logger {
  const write =
    (level: "debug" | "info" | "warn" | "error") =>
    (message: string, fields: LogFields = {}) => {
      log[level](fields, message);
    };
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: (fields) => adapt(log.child(fields)),
  };
}

const levels: Readonly<Record<number, string>> = {
  20: "DEBUG",
  30: "INFO",
  40: "WARN",
  50: "ERROR",
};

/** `2026-11-21T10:00:00Z INFO the message key=value`. */
function formatLine({ level, time, msg, error, ...fields }: Record<string, unknown>): string {
  const moment = new Date(Number(time)).toISOString();
  const pairs = Object.entries(fields).map(([key, value]) => ` ${key}=${formatValue(key, value)}`);
  const cause = error as { message?: string; stack?: string } | undefined;
  const reason = cause ? ` error=${JSON.stringify(cause.message ?? String(error))}` : "";
  const stack = cause?.stack && Number(level) >= 50 ? `\n${cause.stack}` : "";
  return `${moment} ${(levels[Number(level)] ?? "INFO").padEnd(5)} ${String(msg)}${pairs.join("")}${reason}${stack}\n`;
}

function formatValue(key: string, value: unknown): string {
  if (key.endsWith("Ms") && typeof value === "number") return formatDuration(Math.round(value));
  return typeof value === "string" && /^[\w.:@/-]+$/.test(value) ? value : JSON.stringify(value);
}
