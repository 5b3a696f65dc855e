/** `tctl users add` */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Fault, isFault } from "#base/fault.ts";
import { Secret } from "#base/secret.ts";
import type { Console } from "#cli/console.ts";
import { printAs } from "#cli/output.ts";
import { parseResourceOf } from "#resource/parse.ts";
import type { AuthClient } from "./auth-client.ts";
import type { Invocation, usersAdd } from "./commands.ts";
import { formatValidity } from "./format.ts";
import { requireRoles } from "./missing.ts";
import { withAuth } from "./services.ts";
import { traitsOf } from "./user-traits.ts";

/** Creates the user; then either sets the credentials from a file or prints the link that lets the person do it. */
export async function run(invocation: Invocation<typeof usersAdd>): Promise<void> {
  const { args, flags, console } = invocation;
  if (flags.totp && flags.passwordFile === undefined) {
    throw new Fault("usage", "--totp needs --password-file", {
      hint: "without --password-file the person sets up one-time codes through the link",
    });
  }
  const password =
    flags.passwordFile === undefined ? undefined : await readPassword(flags.passwordFile, console);
  await withAuth(invocation, async (auth) => {
    await requireRoles(auth, flags.roles);
    await createUser(auth, args.user, flags.roles, traitsOf(flags));
    try {
      if (password === undefined) await printInvitation(auth, invocation);
      else await setCredentials(auth, invocation, password);
    } catch (error) {
      // A user whom nobody can log in as would be in the way of the next try.
      await auth.remove("user", args.user).catch(() => {});
      throw error;
    }
  });
}

async function createUser(
  auth: AuthClient,
  name: string,
  roles: readonly string[],
  traits: Record<string, string[]>,
): Promise<void> {
  try {
    await auth.create(
      parseResourceOf("user", { kind: "user", metadata: { name }, spec: { roles, traits } }),
    );
  } catch (error) {
    if (!isFault(error, "already-exists")) throw error;
    throw new Fault("already-exists", `user "${name}" already registered`, {
      hint: `to change the roles: tctl users update ${name} --set-roles=${roles.join(",")}`,
      cause: error,
    });
  }
}

async function printInvitation(
  auth: AuthClient,
  { args, flags, console, services }: Invocation<typeof usersAdd>,
): Promise<void> {
  const { url, expires } = await auth.createUserLink(args.user, "invite", flags.ttl);
  const value = { user: args.user, url, expires: expires.toISOString() };
  await printAs(console, flags.format, value, () => {
    console.print(
      `User "${args.user}" has been created but requires a password. Share this URL with the user ` +
        `to complete user setup, link is valid for ${formatValidity(expires, services.clock.now())}:`,
    );
    console.print(url);
    console.print();
    console.print(`NOTE: ${new URL(url).host} must be reachable from the user's machine.`);
  });
}

async function setCredentials(
  auth: AuthClient,
  { args, flags, console }: Invocation<typeof usersAdd>,
  password: Secret,
): Promise<void> {
  const otpauth = await auth.setPassword(args.user, password, flags.totp);
  const value = { user: args.user, ...(otpauth !== undefined && { otpauth_url: otpauth }) };
  await printAs(console, flags.format, value, () => {
    console.print(`User "${args.user}" has been created with the given password.`);
    if (otpauth !== undefined) console.print(otpauth);
  });
}

/** The first line of the file. */
async function readPassword(file: string, console: Console): Promise<Secret> {
  const text =
    file === "-" ? await console.readStdin(64 * 1024) : await readText(resolve(console.cwd, file));
  const line = text.split(/\r?\n/)[0] ?? "";
  if (line === "") throw new Fault("invalid", `the first line of ${file} holds no password`);
  return new Secret(line);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new Fault("environment", `cannot read the password file ${file}`, { cause: error });
  }
}
