/** What a client of PostgreSQL may say at the start of its session, and what of it the server hears. */
import { Fault } from "#base/fault.ts";

/** Parameters that are not for the server: those that make a session another thing than a session. */
const refusedParameter = "replication";
/** Options of newer protocols have names that begin so (manual 55.2.1). */
export const protocolOption = "_pq_.";

/** Parameters that begin a session as somebody else. Servers take their names in any case. */
const roleName = /^(role|session[-_]authorization)$/i;
/** The same as a word of `options`: behind `-c`, `--` and other flags, or alone since `-c` may stand in the word before it. */
const roleOption = /^(-[^_.=]*)?(role|session[-_]authorization)=/i;

/** What the client said, without what is not for the server. Throws for what this agent does not serve. */
export function serverParameters(
  given: ReadonlyMap<string, string>,
  roles: readonly string[],
): Map<string, string> {
  if (given.has(refusedParameter)) {
    throw new Fault("access-denied", "replication connections are not served", {
      hint: "connect to the server itself for replication",
    });
  }
  if (namesRole(given)) {
    throw new Fault(
      "access-denied",
      "the client itself asks for a role at the start of the session",
      {
        hint: "leave role and session_authorization out of the client; choose the role with: tsh db login --db-roles=ROLE NAME",
      },
    );
  }
  if (roles.length > 1) {
    throw new Fault("unimplemented", "a session acts in one database role at most", {
      hint: "name one role: tsh db login --db-roles=ROLE NAME",
    });
  }
  const kept = [...given].filter(([name]) => !name.startsWith(protocolOption));
  const [role] = roles;
  return new Map(role === undefined ? kept : [...kept, ["role", role]]);
}

/** The role of a session is checked against `db_roles`; one that the client names itself would pass that by. */
function namesRole(given: ReadonlyMap<string, string>): boolean {
  const words = optionWords(given.get("options") ?? "");
  return (
    [...given.keys()].some((name) => roleName.test(name)) ||
    words.some((word) => roleOption.test(word))
  );
}

/** The words of `options` as a server splits them: at blanks, and a backslash keeps the next character (manual 55.7). */
function optionWords(options: string): string[] {
  const words = options.match(/(?:\\.|[^ \t\n\v\f\r\\])+/gs) ?? [];
  return words.map((word) => word.replace(/\\(.)/gs, "$1"));
}
