/** The port between the engine and an MDM: what it can be asked, and what comes back. */
import type { Closable } from "#base/lifecycle.ts";
import type { DeviceOrigin, OSType } from "#gen/teleport/devicetrust/v1/device_pb.ts";

/** A device as an MDM describes it, bounded and cleaned. */
export interface MdmDevice {
  readonly osType: OSType;
  /** The serial number: the asset tag in the inventory. */
  readonly serial: string;
  /** The id in the MDM. */
  readonly externalId: string;
  /** When the device last told the MDM about itself, in milliseconds since 1970; zero when the MDM does not say. */
  readonly reportedAt: number;
  /** To whom the MDM has assigned it; empty for nobody. */
  readonly assignedUser: string;
  /** Only what the MDM says. */
  readonly profile: MdmProfile;
}

/** What an MDM may say of a device besides its identity. */
export interface MdmProfile {
  readonly modelIdentifier?: string;
  readonly osVersion?: string;
  readonly osBuild?: string;
  readonly osBuildSupplemental?: string;
  readonly osUsernames?: string[];
  readonly jamfBinaryVersion?: string;
}

/** Why a row of the MDM is not a device of the inventory. */
export type SkipReason = "no serial number" | "not eligible" | "unreadable";

/** One row of the MDM. */
export type MdmRow = MdmDevice | { readonly skipped: SkipReason };

/** Some rows. */
export interface MdmPage {
  readonly rows: readonly MdmRow[];
  /** Rows of all pages together, when the MDM says. */
  readonly total: number | undefined;
  /** Rows have moved between the pages since the one before: some may come twice, some not at all. */
  readonly drifted: boolean;
}

/** Which rows are asked for. */
export interface MdmQuery {
  /** In the MDM's own language; empty for all. */
  readonly filter: string;
  /** Only what has changed since. */
  readonly changedSince?: Date | undefined;
  readonly pageSize: number;
}

/** An MDM. Every method throws a `Fault` when the MDM cannot be asked or answers what nobody can read. */
export interface MdmSource extends Closable {
  readonly origin: DeviceOrigin;
  /** All rows of a query, page by page, in a stable order where the MDM has one. */
  pages(query: MdmQuery, signal: AbortSignal): AsyncIterable<MdmPage>;
  /** The rows within the filter that have one of these serial numbers, asked for directly. */
  findBySerial(
    serials: readonly string[],
    filter: string,
    signal: AbortSignal,
  ): Promise<readonly MdmRow[]>;
}
