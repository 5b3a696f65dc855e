/**
 * The shape of an audit event: a flat JSON object with the field names that the public API and its
 * log files use. Which events exist, and which fields each may carry, is in `catalogue.ts`;
 * `record.ts` makes events.
 */

/** What a field of an event may hold. */
export type AuditValue =
  | string
  | number
  | boolean
  | null
  | readonly AuditValue[]
  | { readonly [field: string]: AuditValue };

/** One thing that happened. Written once, never changed. */
export interface AuditEvent {
  /** Position inside a session's stream of events; 0 outside of one. */
  readonly ei: number;
  /** Type, such as "user.login". */
  readonly event: string;
  /** Type and outcome, such as "T1000I". */
  readonly code: string;
  /** UUID, unique for ever; of version 7, so that it tells when the event was made. The id of a refusal is this. */
  readonly uid: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly time: string;
  readonly cluster_name: string;
  readonly user?: string;
  readonly login?: string;
  /** Session id. */
  readonly sid?: string;
  readonly success?: boolean;
  readonly error?: string;
  readonly message?: string;
  readonly [field: string]: AuditValue | undefined;
}
