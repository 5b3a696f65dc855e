/** What the handlers of the web application share. */
import type { Context } from "hono";
import type { Client } from "#api/grpc/client.ts";
import type { Logger } from "#base/log.ts";
import type { LoginService } from "#gen/gatehouse/v1/login_pb.ts";

/** What the web application needs. */
export interface WebOptions {
  readonly login: Client<typeof LoginService>;
  /** `host:port` under which people reach this proxy. */
  readonly publicAddress: () => string;
  readonly logger: Logger;
}

/** Values that the front door gives with each request. */
export interface WebBindings {
  readonly remoteAddress: string;
}

/** A Hono context of this application. */
export type WebContext = Context<{ Bindings: WebBindings }>;
