/**
 * Principals: the names for which an SSH certificate is good. Names that begin with `-teleport-` belong to the
 * product and are never OS accounts, so that no role or trait can forge one.
 */
import { Fault } from "#base/fault.ts";

/** Lets a session be joined; every user certificate has it. */
export const joinPrincipal = "-teleport-internal-join";

/** Begins the one principal of a certificate without logins: an empty list would stand for everybody. */
export const noLoginPrefix = "-teleport-nologin-";

const reserved = "-teleport-";

/** True for an OS account name that may become a principal: no separator, control character or leading dash. */
export function isLogin(name: string): boolean {
  return (
    name.length <= 255 && /^[^\s,\0-\x1f\x7f-][^\s,\0-\x1f\x7f]*$/.test(name) && name.isWellFormed()
  );
}

/** The logins among principals. Throws `malformed` for one that is neither a login nor a name of the product. */
export function loginsOfPrincipals(principals: readonly string[]): string[] {
  return principals.filter((principal) => {
    if (principal.startsWith(reserved)) return false;
    if (!isLogin(principal)) {
      throw new Fault("malformed", "the certificate has a principal that is no login");
    }
    return true;
  });
}

/** Throws `invalid` for a login that must not become a principal. */
export function assertLogins(logins: readonly string[]): void {
  const bad = logins.find((login) => !isLogin(login));
  if (bad !== undefined) {
    throw new Fault("invalid", `${JSON.stringify(bad)} cannot be a login`, {
      hint: "logins have no spaces, commas or leading dash",
    });
  }
}
