/** The name under which Kubernetes clients find the proxy. Apart from the rest, so that a dial needs no YAML. */
import { isIP } from "node:net";

/** The name that the proxy proves itself with to Kubernetes clients (public API: ALPN routing). */
export function kubeServerName(proxy: string): string {
  const host = proxy.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  const isName = isIP(host) === 0 && host !== "localhost";
  return `kube-teleport-proxy-alpn.${isName ? host : "teleport.cluster.local"}`;
}
