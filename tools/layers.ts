/**
 * Who may import whom: the folder graph of `src/` as data. `test/layers.test.ts` holds the code against it and prints
 * the reason of the rule that an import breaks. A folder that is missing here fails the test.
 */

/** One folder of `src/`: which folders it may import besides itself, and why the line is drawn there. */
export interface Layer {
  readonly imports: readonly string[];
  readonly because: string;
}

const pure = ["base"];
const protocols = [...pure, "der", "x509", "ssh", "dbwire", "tpm", "expression"];
const model = [...protocols, "resource", "identity", "access", "devicetrust", "audit"];
const wire = [...model, "gen", "api"];

/** The table. Lower rows never import higher ones. */
export const layers: Readonly<Record<string, Layer>> = {
  base: { imports: [], because: "everything stands on it" },
  der: { imports: pure, because: "protocol code stays liftable and pure" },
  x509: { imports: [...pure, "der"], because: "protocol code stays liftable and pure" },
  ssh: { imports: pure, because: "protocol code stays liftable: it runs over any duplex stream" },
  dbwire: {
    imports: pure,
    because: "wire formats of databases stay liftable: bytes in, values out",
  },
  tpm: { imports: [...pure, "der", "x509"], because: "TPM structures and checks touch no device" },
  expression: { imports: pure, because: "the predicate language knows no resource" },
  resource: {
    imports: [...pure, "expression"],
    because: "resources are data; who may use them is decided in access",
  },
  identity: {
    imports: [...pure, "der", "x509", "ssh"],
    because: "what a certificate says, no policy",
  },
  access: {
    imports: [...pure, "expression", "resource", "identity"],
    because: "decisions are pure: the same list of checks runs in every service",
  },
  devicetrust: {
    imports: [...pure, "der", "x509", "tpm", "expression", "resource", "identity"],
    because: "ceremonies are state machines without sockets and clocks",
  },
  audit: { imports: [...pure, "identity"], because: "the event catalogue is data" },
  gen: { imports: [], because: "generated" },
  backend: { imports: pure, because: "a store knows keys and bytes, nothing of what they mean" },
  api: {
    imports: [...model, "gen"],
    because: "the typed client of auth and the gRPC layer; services reach auth only through it",
  },
  auth: { imports: [...wire, "backend"], because: "only auth may touch the backend" },
  proxy: {
    imports: wire,
    because: "the public door holds no authority: it reaches auth through its API",
  },
  agent: { imports: wire, because: "what every agent does, whatever it serves" },
  node: {
    imports: [...wire, "agent"],
    because: "agents hold no authority and know no other service",
  },
  database: {
    imports: [...wire, "agent"],
    because: "agents hold no authority and know no other service",
  },
  kube: {
    imports: [...wire, "agent"],
    because: "agents hold no authority and know no other service",
  },
  mdm: {
    imports: [...pure, "gen", "api"],
    because: "an inventory service knows an MDM and auth's API, and decides nothing",
  },
  client: { imports: wire, because: "the person's side: profile, login, ceremonies" },
  cli: { imports: pure, because: "the command engine knows no product" },
  tctl: {
    imports: [...wire, "client", "cli"],
    because: "a command talks to auth through the API client",
  },
  tsh: {
    imports: [...wire, "client", "cli"],
    because: "a command talks to the cluster through the client",
  },
  daemon: {
    imports: [
      ...wire,
      "backend",
      "auth",
      "proxy",
      "agent",
      "node",
      "database",
      "kube",
      "mdm",
      "cli",
    ],
    because: "the only composition root",
  },
};
