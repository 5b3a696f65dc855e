/** Which second factor the cluster asks for, from the older setting or the newer list. Pure. */
import type { ClusterAuthPreference } from "#resource/cluster-auth-preference.ts";

/** The mode in the words of ping: `off`, `optional`, or one of those that demand a factor. */
export type SecondFactorMode = NonNullable<ClusterAuthPreference["spec"]["second_factor"]>;

/** The list wins where it says anything; with neither, a code is demanded. */
export function secondFactorOf(
  spec: Pick<ClusterAuthPreference["spec"], "second_factor" | "second_factors">,
): SecondFactorMode {
  const { second_factor: mode, second_factors: factors = [] } = spec;
  return factors.length > 0 ? "on" : (mode ?? "on");
}
