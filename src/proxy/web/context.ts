/** What the handlers of the web application share. */
import type { Context } from "hono";
import type { Client } from "#api/grpc/client.ts";
import type { Logger } from "#base/log.ts";
import type { LoginService } from "#gen/gatehouse/v1/login_pb.ts";
import type { WebSessionService } from "#gen/gatehouse/v1/web_pb.ts";
import type { DeviceTrustService } from "#gen/teleport/devicetrust/v1/service_pb.ts";

/** What the web application needs. */
export interface WebOptions {
  readonly login: Client<typeof LoginService>;
  readonly sessions: Client<typeof WebSessionService>;
  readonly devices: Pick<Client<typeof DeviceTrustService>, "confirmDeviceWebAuthentication">;
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

const longestUserAgent = 512;

/** Where a request comes from, and of which program, as far as it says. */
export function clientOf(context: WebContext): { clientIp: string; userAgent: string } {
  return {
    clientIp: context.env.remoteAddress,
    userAgent: (context.req.header("user-agent") ?? "").slice(0, longestUserAgent),
  };
}

/** The error form of the public API. */
export function errorAnswer(context: Context, message: string, status: number): Response {
  return context.json({ error: { message } }, status as 400);
}
