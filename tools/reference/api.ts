/** The reference page of the calls that auth serves, made by registering every service with a server that only listens. */
import type { DescService } from "@bufbuild/protobuf";
import type { GrpcServer } from "#api/grpc/server.ts";
import type { Peer } from "#api/peer.ts";
import type { AuthContext } from "#auth/context.ts";
import { registerServices } from "#auth/grpc/register.ts";
import { code, generatedMark, table } from "./markdown.ts";

/** The page. */
export function formatApiPage(): string {
  const services = [...servedMethods()].sort(([a], [b]) => a.typeName.localeCompare(b.typeName));
  const rows = (own: boolean) =>
    services.filter(([service]) => service.typeName.startsWith("gatehouse.") === own).map(rowOf);
  const head = ["service", "served", "described, answers UNIMPLEMENTED"];
  const parts = [
    generatedMark,
    "# Calls of the auth service",
    "gRPC over mutual TLS on the proxy's port. A call that is not listed answers UNIMPLEMENTED, as an unknown one does. " +
      "`stream` marks calls that are not one request and one answer. Who may call what is decided in " +
      "`src/auth/grpc/guard.ts` and the handlers. What clients make of it: [compatibility.md](compatibility.md).",
    "## Public API",
    table(head, rows(false)),
    "The proxy itself serves `teleport.transport.v1.TransportService` (`src/proxy/doors/transport.ts`).",
    "## Our own",
    table(head, rows(true)),
  ];
  return `${parts.join("\n\n")}\n`;
}

function rowOf([service, served]: [DescService, ReadonlySet<string>]): string[] {
  const list = (wanted: boolean) =>
    service.methods
      .filter(({ localName }) => served.has(localName) === wanted)
      .map(({ name, methodKind }) => code(name) + (methodKind === "unary" ? "" : " stream"))
      .join(", ");
  return [code(service.typeName), list(true), list(false)];
}

/** The names of the handlers that are registered, by service. */
function servedMethods(): ReadonlyMap<DescService, ReadonlySet<string>> {
  const found = new Map<DescService, Set<string>>();
  const listener = {
    register(service: DescService, handlers: object): void {
      const names = found.get(service) ?? new Set<string>();
      for (const name of Object.keys(handlers)) names.add(name);
      found.set(service, names);
    },
  };
  registerServices(listener as unknown as GrpcServer<Peer>, inert() as AuthContext);
  return found;
}

/** Stands for every part of a context: handlers are made with it, and none is called. */
function inert(): unknown {
  return new Proxy({}, { get: () => inert() });
}
