/**
 * Entries of a kubeconfig (client-go config v1) that lead to a Kubernetes cluster through the proxy. They hold no key:
 * kubectl asks `tsh kube credentials` for one, which stays in memory. Everything else in the file stays as it is, comments
 * included.
 */
import { type Document, isMap, isSeq, parseDocument, type YAMLSeq } from "yaml";
import { Fault } from "#base/fault.ts";
import { kubeServerName } from "./server-name.ts";

/** What an entry says. */
export interface KubeconfigEntry {
  /** Name of the cluster of the login. */
  readonly cluster: string;
  readonly kubeCluster: string;
  /** `host:port` of the proxy. */
  readonly proxy: string;
  /** PEM of the host authority. */
  readonly authorities: readonly string[];
  /** The words that call tsh. */
  readonly program: readonly string[];
}

/** The name of a context, as the public client writes it. */
export function contextName({ cluster, kubeCluster }: KubeconfigEntry): string {
  return `${cluster}-${kubeCluster}`;
}

/** The text of a kubeconfig with the entries in it; the context of the last one is the current one. Throws `malformed`. */
export function addEntries(text: string, entries: readonly KubeconfigEntry[]): string {
  const document = parse(text);
  for (const entry of entries) {
    const name = contextName(entry);
    const [command = "tsh", ...words] = entry.program;
    put(document, "clusters", entry.cluster, {
      cluster: {
        "certificate-authority-data": Buffer.from(entry.authorities.join("")).toString("base64"),
        server: `https://${entry.proxy}`,
        "tls-server-name": kubeServerName(entry.proxy),
      },
    });
    put(document, "users", name, {
      user: {
        exec: {
          apiVersion: "client.authentication.k8s.io/v1",
          interactiveMode: "Never",
          provideClusterInfo: false,
          command,
          args: [
            ...words,
            "kube",
            "credentials",
            `--kube-cluster=${entry.kubeCluster}`,
            `--proxy=${entry.proxy}`,
          ],
        },
      },
    });
    put(document, "contexts", name, { context: { cluster: entry.cluster, user: name } });
    document.set("current-context", name);
  }
  return document.toString({ lineWidth: 0 });
}

/** The name of the current context; undefined when there is none, or when the file cannot be read. */
export function currentContext(text: string): string | undefined {
  const current = parseDocument(text).get("current-context");
  return typeof current === "string" ? current : undefined;
}

function parse(text: string): Document {
  const document = parseDocument(text.trim() === "" ? "apiVersion: v1\nkind: Config\n" : text);
  if (document.errors.length === 0 && isMap(document.contents)) return document;
  throw new Fault("malformed", "the kubeconfig cannot be read", {
    hint: "look at it with: kubectl config view",
  });
}

/** Puts a named entry into a list, in the place of one of the same name. */
function put(document: Document, list: string, name: string, value: object): void {
  const entry = document.createNode({ name, ...value });
  const rows: unknown = document.get(list);
  if (!isSeq(rows)) {
    document.set(list, document.createNode([]));
    (document.get(list) as YAMLSeq).add(entry);
    return;
  }
  const at = rows.items.findIndex((item) => isMap(item) && item.get("name") === name);
  if (at < 0) rows.add(entry);
  else rows.items[at] = entry;
}
