/**
 * Finding logins in the profile folder: which are there, which is current, what they are called. Reads no key, so that
 * commands which only show a login start fast.
 */
import { readdirSync } from "node:fs";
import { Fault, isFault } from "#base/fault.ts";
import { type ProfileDocument, parseDocument } from "./document.ts";
import { isMissing, readText } from "./files.ts";
import { assertName, hostOf } from "./names.ts";
import { folderPaths, type ProfileKey } from "./paths.ts";

/** A login as found in the folder. */
export interface StoredLogin {
  readonly folder: string;
  readonly key: ProfileKey;
  readonly document: ProfileDocument;
}

/** The host of the current profile, or undefined when nobody is logged in. */
export function findCurrentHost(folder: string): string | undefined {
  const name = readText(folderPaths(folder).current)?.trim();
  return name === undefined || name === "" ? undefined : assertName("proxy host", name);
}

/** The address of the proxy whose login was current and ended, or undefined. */
export function findLastProxy(folder: string): string | undefined {
  return readText(folderPaths(folder).lastProxy)?.trim() || undefined;
}

/** Hosts that have a profile document, sorted. */
export function listHosts(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(".yaml") && !name.startsWith("."))
      .map((name) => name.slice(0, -".yaml".length))
      .sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw new Fault("environment", `cannot read the profile folder ${folder}`, { cause: error });
  }
}

/** The login at `host`, or the current one; undefined when there is none. */
export async function findLogin(folder: string, host?: string): Promise<StoredLogin | undefined> {
  const name = host ?? findCurrentHost(folder);
  if (name === undefined) return undefined;
  const text = readText(folderPaths(folder).document(name));
  if (text === undefined) return undefined;
  try {
    const document = await parseDocument(text);
    return { folder, key: { ...keyOf(document), host: name }, document };
  } catch (cause) {
    if (!isFault(cause)) throw cause;
    const file = folderPaths(folder).document(name);
    throw new Fault("malformed", `the profile ${file} is damaged: ${cause.message}`, {
      hint: `remove it and log in again: rm ${file}`,
      cause,
    });
  }
}

/** As {@link findLogin}, but throws `not-found` with the command that helps. */
export async function getLogin(folder: string, host?: string): Promise<StoredLogin> {
  const login = await findLogin(folder, host);
  if (login === undefined) {
    throw new Fault(
      "not-found",
      host === undefined ? "not logged in" : `not logged in at ${host}`,
      {
        hint: `log in with: tsh login --proxy=${host ?? "HOST"} --user=NAME`,
      },
    );
  }
  return login;
}

/** The names of a login, each checked as a part of a path. Throws `invalid`. */
export function keyOf(document: ProfileDocument): ProfileKey {
  const host = assertName("proxy host", hostOf(document.webProxyAddr));
  const cluster = assertName("cluster", document.cluster === "" ? host : document.cluster);
  return { host, user: assertName("user", document.user), cluster };
}
