/**
 * From `jamf_service` and `intune_service` to what the inventory services receive: what each needs, the schedule of its
 * entries, and the files of its secrets.
 */
import { parseDuration } from "#base/duration.ts";
import type { Secret } from "#base/secret.ts";
import type {
  IntuneSettings,
  InventoryEntry,
  JamfCredentials,
  JamfSettings,
  MdmSettings,
} from "#mdm/settings.ts";
import type { Path } from "#resource/schema.ts";
import type { ConfigFile } from "./schema.ts";
import type { IntuneSection, JamfSection } from "./schema-mdm.ts";

/** What resolving takes from the file's surroundings, and where it says what is wrong. */
export interface MdmResolver {
  /** The text of a file without what surrounds it; undefined, and reported, when it cannot be read or is empty. */
  readSecret(file: string, path: Path): Secret | undefined;
  report(path: Path, message: string, suggestion?: string): void;
}

type Section = JamfSection | IntuneSection;
type EntrySection = NonNullable<Section["inventory"]>[number];

/** Devices asked for at once when the file does not say. */
const usualPageSize = 500;

/** The only entry when a section has no `inventory`. */
const usualPeriods = { partialMs: 6 * 3_600_000, fullMs: 24 * 3_600_000 } as const;

/** RSQL: computers that Jamf Pro still manages. */
const managedOnly = "general.remoteManagement.managed==true";

/** What a name of a source may be: it is shown in listings and stored with every device. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._ -]{0,62}$/;

/** The inventory services that run, in the order of the file. Those that lack something are left out, and reported. */
export function resolveMdm(file: ConfigFile, resolver: MdmResolver): MdmSettings[] {
  const { jamf_service: jamf, intune_service: intune } = file;
  const settings: MdmSettings[] = [];
  if (jamf?.enabled) settings.push(...jamfSettings(jamf, resolver));
  if (intune?.enabled) settings.push(...intuneSettings(intune, resolver));
  if (jamf?.enabled && intune?.enabled && jamf.name === intune.name) {
    const message = `"${intune.name}" is the name of jamf_service too`;
    resolver.report(["intune_service", "name"], message, "give each its own: each has its devices");
  }
  checkExit(file, resolver);
  return settings;
}

/** A service that ends takes the process with it. */
function checkExit(file: ConfigFile, { report }: MdmResolver): void {
  const others = (["auth_service", "proxy_service", "ssh_service"] as const).filter(
    (section) => file[section].enabled,
  );
  for (const section of ["jamf_service", "intune_service"] as const) {
    if (!file[section]?.enabled || !file[section].exit_on_sync || others.length === 0) continue;
    const message = `ends the process, and ${others[0]} runs in it too`;
    report([section, "exit_on_sync"], message, `write ${others[0]}: {enabled: no}`);
  }
}

function jamfSettings(section: JamfSection, resolver: MdmResolver): JamfSettings[] {
  const root = "jamf_service";
  const { api_endpoint: apiEndpoint } = section;
  if (apiEndpoint === undefined) {
    const suggestion = "write api_endpoint: https://yourtenant.jamfcloud.com/api";
    resolver.report([root], "needs the address of Jamf Pro", suggestion);
  }
  const credentials = jamfCredentials(section, resolver);
  const shared = commonSettings(root, section, managedOnly, resolver);
  if (apiEndpoint === undefined || credentials === undefined) return [];
  return [{ ...shared, kind: "jamf", apiEndpoint, credentials }];
}

function jamfCredentials(
  section: JamfSection,
  { readSecret, report }: MdmResolver,
): JamfCredentials | undefined {
  const { client_id, client_secret_file, username, password_file } = section;
  const root = "jamf_service";
  const asClient = client_id !== undefined || client_secret_file !== undefined;
  const asAccount = username !== undefined || password_file !== undefined;
  if (asClient && asAccount) {
    const key = username === undefined ? "password_file" : "username";
    report([root, key], "names a second way to log in besides client_id", "keep one of the two");
    return undefined;
  }
  if (client_id !== undefined && client_secret_file !== undefined) {
    const clientSecret = readSecret(client_secret_file, [root, "client_secret_file"]);
    return clientSecret && { clientId: client_id, clientSecret };
  }
  if (username !== undefined && password_file !== undefined) {
    const password = readSecret(password_file, [root, "password_file"]);
    return password && { username, password };
  }
  const missing = asAccount
    ? `${username === undefined ? "username" : "password_file"} is missing`
    : "client_id and client_secret_file are needed";
  report([root], missing, "both halves of a login go together");
  return undefined;
}

function intuneSettings(section: IntuneSection, resolver: MdmResolver): IntuneSettings[] {
  const root = "intune_service";
  const { tenant, client_id: clientId, client_secret_file: file } = section;
  const wanted = { tenant, client_id: clientId, client_secret_file: file };
  const missing = Object.entries(wanted).filter(([, value]) => value === undefined);
  if (missing.length > 0) {
    const names = missing.map(([name]) => name).join(", ");
    resolver.report([root], `lacks ${names}`, "register an application in Entra ID for it");
  }
  if (tenant !== undefined && !/^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/.test(tenant)) {
    resolver.report([root, "tenant"], "is neither the id nor the domain of a tenant");
  }
  const clientSecret =
    file === undefined ? undefined : resolver.readSecret(file, [root, "client_secret_file"]);
  const shared = commonSettings(root, section, "", resolver);
  if (tenant === undefined || clientId === undefined || clientSecret === undefined) return [];
  const { api_endpoint: apiEndpoint, login_endpoint: loginEndpoint } = section;
  return [
    { ...shared, kind: "intune", apiEndpoint, loginEndpoint, tenant, clientId, clientSecret },
  ];
}

function commonSettings(
  root: string,
  section: Section,
  filter: string,
  resolver: MdmResolver,
): Omit<JamfSettings, "kind" | "apiEndpoint" | "credentials"> {
  if (!namePattern.test(section.name)) {
    const message = "is not a name: letters, digits, spaces, dots, dashes, at most 63";
    resolver.report([root, "name"], message);
  }
  const inventory = section.inventory?.map(entryOf) ?? [
    { filter, ...usualPeriods, onMissing: "DELETE", pageSize: usualPageSize },
  ];
  for (const [index, entry] of inventory.entries()) {
    checkPeriods(entry, [root, "inventory", index, "sync_period_partial"], resolver);
  }
  if (!inventory.some(({ partialMs, fullMs }) => partialMs > 0 || fullMs > 0)) {
    const suggestion = "write sync_period_full: 24h";
    resolver.report([root, "inventory"], "no entry is ever synchronized", suggestion);
  }
  return {
    name: section.name,
    syncDelayMs: parseDuration(section.sync_delay),
    exitOnSync: section.exit_on_sync,
    unenrollOnOwnerChange: section.on_owner_change === "UNENROLL",
    inventory,
  };
}

function entryOf(entry: EntrySection): InventoryEntry {
  const { sync_period_partial, sync_period_full, on_missing, page_size } = entry;
  return {
    filter: ("filter_rsql" in entry ? entry.filter_rsql : entry.filter_odata).trim(),
    partialMs: sync_period_partial === undefined ? 0 : parseDuration(sync_period_partial),
    fullMs: sync_period_full === undefined ? 0 : parseDuration(sync_period_full),
    onMissing: on_missing ?? "NOOP",
    pageSize: page_size === 0 ? usualPageSize : page_size,
  };
}

function checkPeriods({ partialMs, fullMs }: InventoryEntry, path: Path, resolver: MdmResolver) {
  if (fullMs > 0 && partialMs >= fullMs) {
    const message = "partial syncs will never happen: the full ones come as often or oftener";
    resolver.report(path, message, "make it shorter than sync_period_full, or 0");
  }
}
