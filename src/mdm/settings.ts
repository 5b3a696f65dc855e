/** What one inventory service is told by the configuration. */
import type { Secret } from "#base/secret.ts";

/** What to do with a device of the source that the MDM no longer has. */
export type OnMissing = "NOOP" | "DELETE";

/** Which devices of the MDM are taken over, and when. */
export interface InventoryEntry {
  /** In the MDM's own language (RSQL, OData); empty for all. */
  readonly filter: string;
  /** Milliseconds between runs that ask for what has changed; zero for none. */
  readonly partialMs: number;
  /** Milliseconds between runs that ask for everything; zero for none. */
  readonly fullMs: number;
  readonly onMissing: OnMissing;
  /** Devices asked for at once. */
  readonly pageSize: number;
}

/** The part that every inventory service has. */
interface CommonSettings {
  /** Name of the source in the inventory. Each service of a cluster has its own. */
  readonly name: string;
  /** Milliseconds from the start to the first run. */
  readonly syncDelayMs: number;
  /** The service ends after its first run. */
  readonly exitOnSync: boolean;
  /** A device that the MDM takes from one person is unenrolled. */
  readonly unenrollOnOwnerChange: boolean;
  /** At least one that has a schedule. */
  readonly inventory: readonly InventoryEntry[];
}

/** How a service proves itself to Jamf Pro. */
export type JamfCredentials =
  | { readonly clientId: string; readonly clientSecret: Secret }
  | { readonly username: string; readonly password: Secret };

/** `jamf_service`. */
export interface JamfSettings extends CommonSettings {
  readonly kind: "jamf";
  /** An https URL such as https://tenant.jamfcloud.com/api, without a slash at its end. */
  readonly apiEndpoint: string;
  readonly credentials: JamfCredentials;
}

/** `intune_service`. */
export interface IntuneSettings extends CommonSettings {
  readonly kind: "intune";
  /** https URLs without a slash at their ends: Microsoft Graph with its version, and where tokens come from. */
  readonly apiEndpoint: string;
  readonly loginEndpoint: string;
  /** Id or domain of the Entra tenant. */
  readonly tenant: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
}

/** Any inventory service. */
export type MdmSettings = JamfSettings | IntuneSettings;
