/** The list of services that auth serves, one file each. What is not here answers UNIMPLEMENTED. */
import type { GrpcServer } from "#api/grpc/server.ts";
import type { Peer } from "#api/peer.ts";
import { AgentService } from "#gen/gatehouse/v1/agent_pb.ts";
import { JoinService } from "#gen/gatehouse/v1/join_pb.ts";
import { LoginService } from "#gen/gatehouse/v1/login_pb.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import { TrustService } from "#gen/teleport/trust/v1/service_pb.ts";
import type { AuthContext } from "../context.ts";
import { agentService } from "./agent-service.ts";
import { certificateHandlers } from "./auth-service/certificates.ts";
import { sessionHandlers } from "./auth-service/session.ts";
import { joinService } from "./join-service.ts";
import { loginService } from "./login-service.ts";
import { trustService } from "./trust-service.ts";

/** Registers every service. */
export function registerServices(server: GrpcServer<Peer>, context: AuthContext): void {
  server.register(LoginService, loginService(context));
  server.register(JoinService, joinService(context));
  server.register(AgentService, agentService(context));
  server.register(TrustService, trustService(context));
  server.register(AuthService, sessionHandlers(context));
  server.register(AuthService, certificateHandlers(context));
}
