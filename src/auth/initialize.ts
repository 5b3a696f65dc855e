/** The first start of a cluster, and what every later start makes sure of: settings, preset roles, static tokens. */

import { formatKey } from "#backend/key.ts";
import { Fault, isFault } from "#base/fault.ts";
import { clusterNameRule, isClusterName } from "#identity/cluster-name.ts";
import type { ClusterAuthPreference } from "#resource/cluster-auth-preference.ts";
import type { ClusterNetworkingConfig } from "#resource/cluster-networking-config.ts";
import { addMissingRules, isPreset, presetRoles } from "#resource/presets/presets.ts";
import type { SessionRecordingConfig } from "#resource/session-recording-config.ts";
import {
  defaultAttestationPolicy,
  defaultAuthPreference,
  defaultNetworkingConfig,
  defaultSessionRecordingConfig,
  originOf,
} from "#resource/singletons.ts";
import { type Token, tokenSchema } from "#resource/token.ts";
import type { AuthContext } from "./context.ts";
import type { DocumentStore, StoredDocument } from "./store/documents.ts";

/** What the configuration of the process states; what it leaves out stays as it is stored. */
export interface AuthSettings {
  readonly authPreference?: ClusterAuthPreference | undefined;
  readonly networkingConfig?: ClusterNetworkingConfig | undefined;
  readonly sessionRecordingConfig?: SessionRecordingConfig | undefined;
  /** Join tokens that never expire. */
  readonly tokens?: readonly { readonly secret: string; readonly roles: Token["spec"]["roles"] }[];
}

/** Brings the store to where this version and its configuration want it. Running it again changes nothing. */
export async function initializeCluster(
  context: Pick<AuthContext, "stores" | "random">,
  settings: AuthSettings,
): Promise<void> {
  const { stores, random } = context;
  await settle(stores.authPreference, settings.authPreference, defaultAuthPreference());
  await settle(stores.networkingConfig, settings.networkingConfig, defaultNetworkingConfig());
  await settle(
    stores.recordingConfig,
    settings.sessionRecordingConfig,
    defaultSessionRecordingConfig(),
  );
  await settle(stores.attestationPolicy, undefined, defaultAttestationPolicy());
  for (const preset of presetRoles(random)) {
    const stored = await stores.roles.find(preset.metadata.name);
    if (!stored) await createIfAbsent(stores.roles, preset);
    else if (isPreset(stored)) {
      const extended = addMissingRules(stored, preset);
      if (extended) await stores.roles.update(extended);
    }
  }
  for (const { secret, roles } of settings.tokens ?? []) {
    await stores.tokens.upsert(
      tokenSchema.parse({
        kind: "token",
        version: "v2",
        metadata: { name: secret },
        spec: { roles },
      }),
    );
  }
}

/** The configuration file wins; without it a stored setting stays, unless it came from a file that says no more. */
async function settle<T extends StoredDocument>(
  store: DocumentStore<T>,
  stated: T | undefined,
  fallback: T,
): Promise<void> {
  if (stated) {
    await store.upsert(stated);
    return;
  }
  const stored = await store.find(fallback.metadata.name);
  if (!stored) await createIfAbsent(store, fallback);
  else if (originOf(stored) === "config-file") await store.upsert(fallback);
}

async function createIfAbsent<T extends StoredDocument>(
  store: DocumentStore<T>,
  document: T,
): Promise<void> {
  try {
    await store.create(document);
  } catch (error) {
    if (!isFault(error, "already-exists")) throw error;
  }
}

const nameKey = formatKey("cluster", "name");

/**
 * The name of the cluster: stored at the first start, and the same ever after, because every certificate carries it.
 * Throws `invalid` when the configuration names another one, or one that cannot be.
 */
export async function settleClusterName(
  backend: AuthContext["backend"],
  wanted: string | undefined,
  fallback: string,
): Promise<string> {
  const stored = await backend.find(nameKey);
  if (!stored) {
    const name = wanted ?? fallback;
    if (!isClusterName(name)) {
      throw new Fault(
        "invalid",
        `"${name}" cannot be the name of the cluster: it ${clusterNameRule}`,
        {
          hint: "choose another one with cluster_name in the configuration, or --cluster=NAME",
        },
      );
    }
    await backend.create(nameKey, new TextEncoder().encode(name));
    return name;
  }
  const name = new TextDecoder().decode(stored.value);
  if (wanted !== undefined && wanted !== name) {
    throw new Fault(
      "invalid",
      `this data directory belongs to the cluster "${name}", not "${wanted}"`,
      {
        hint: `set cluster_name to "${name}" or choose another data directory`,
      },
    );
  }
  return name;
}
