/** Whose programs play which part in a run: the clients and the server are each the official ones or ours. */
import { join } from "node:path";
import { checkoutPrograms } from "../../test/support/cluster/machine.ts";

/** Who made a program. */
export type Maker = "official" | "ours";

/** Where the clients are. */
export interface Clients {
  readonly maker: Maker;
  readonly tsh: string;
  readonly tctl: string;
}

/** The two sides of a run. */
export interface Sides {
  readonly client: Maker;
  readonly server: Maker;
}

/** Our own clients, as people start them. */
export const ourClients: Clients = {
  maker: "ours",
  tsh: join(checkoutPrograms, "tsh"),
  tctl: join(checkoutPrograms, "tctl"),
};
