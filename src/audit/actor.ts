/**
 * The fields that say who did something. Whoever holds a certificate with a device in it carries
 * `trusted_device` in every event, except in the events about devices themselves.
 */
import type { Identity } from "#identity/identity.ts";

/** The kinds of users in the public API. */
const userKinds = { human: 1, bot: 2 } as const;

/** Fields about the actor, to spread into the fields of an event. */
export interface ActorFields {
  readonly user: string;
  readonly user_kind: number;
  readonly impersonator?: string;
  readonly trusted_device?: {
    readonly device_id: string;
    readonly asset_tag: string;
    readonly credential_id: string;
  };
}

/** The actor of any event but those about devices. */
export function actorOf(identity: Identity): ActorFields {
  const device = identity.kind === "user" ? identity.device : undefined;
  if (device === undefined) return deviceEventActorOf(identity);
  const { deviceId, assetTag, credentialId } = device;
  return {
    ...deviceEventActorOf(identity),
    trusted_device: { device_id: deviceId, asset_tag: assetTag, credential_id: credentialId },
  };
}

/** The actor of a device event, whose field `device` says which device it is about. */
export function deviceEventActorOf(identity: Identity): ActorFields {
  if (identity.kind === "system") {
    return { user: `${identity.hostId}.${identity.cluster}`, user_kind: userKinds.human };
  }
  const { username, botName, impersonator } = identity;
  const actor = {
    user: username,
    user_kind: botName === undefined ? userKinds.human : userKinds.bot,
  };
  return impersonator === undefined ? actor : { ...actor, impersonator };
}
