/** The traits that flags of `users add` and `users update` set, by the flag's key. */
const traitOf = {
  logins: "logins",
  windowsLogins: "windows_logins",
  kubernetesUsers: "kubernetes_users",
  kubernetesGroups: "kubernetes_groups",
  dbUsers: "db_users",
  dbNames: "db_names",
  dbRoles: "db_roles",
} as const;

type TraitKey = keyof typeof traitOf;

/** Traits of a new user: what the flags say; the others are there without values, so that an editor shows them. */
export function traitsOf(
  flags: Readonly<Record<TraitKey, readonly string[]>>,
): Record<string, string[]> {
  const traits: Record<string, string[]> = {};
  for (const [key, trait] of Object.entries(traitOf)) traits[trait] = [...flags[key as TraitKey]];
  return traits;
}

/** Traits that the `--set-…` flags replace. */
export function replacedTraits(
  flags: Readonly<Record<string, readonly string[]>>,
): Record<string, string[]> {
  const traits: Record<string, string[]> = {};
  for (const [key, trait] of Object.entries(traitOf)) {
    const values = flags[`set${key[0]?.toUpperCase()}${key.slice(1)}`] ?? [];
    if (values.length > 0) traits[trait] = [...values];
  }
  return traits;
}
