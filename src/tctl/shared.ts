/** The flags that every command of tctl takes: where the cluster is. */
import { string } from "#cli/flag.ts";

/** By camelCase key. */
export const sharedFlags = {
  config: string("config file of the auth service here", {
    short: "c",
    placeholder: "FILE",
    env: "TELEPORT_CONFIG_FILE",
  }),
  dataDir: string("data folder of the auth service here", { placeholder: "DIR" }),
  authServer: string("proxy of the tsh login to use", {
    placeholder: "HOST:PORT",
    env: "TELEPORT_AUTH_SERVER",
  }),
};
