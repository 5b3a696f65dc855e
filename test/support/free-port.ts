/** A TCP port of this machine that nobody listens on, for servers that cannot choose one themselves. */
import { type AddressInfo, createServer } from "node:net";

/** Finds one. Somebody else may take it before it is used; then the server says so. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
