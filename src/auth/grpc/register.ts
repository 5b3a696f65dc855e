/** The list of services that auth serves, one file each. What is not here answers UNIMPLEMENTED. */
import { GrpcServer } from "#api/grpc/server.ts";
import type { Peer } from "#api/peer.ts";
import {
  AuditService,
  DeviceAdminService,
  ExplainService,
  UserService,
} from "#gen/gatehouse/v1/admin_pb.ts";
import { AgentService } from "#gen/gatehouse/v1/agent_pb.ts";
import { AttestationService } from "#gen/gatehouse/v1/attestation_pb.ts";
import { JoinService } from "#gen/gatehouse/v1/join_pb.ts";
import { LoginService } from "#gen/gatehouse/v1/login_pb.ts";
import { WebSessionService } from "#gen/gatehouse/v1/web_pb.ts";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import { ClusterConfigService } from "#gen/teleport/clusterconfig/v1/service_pb.ts";
import { DeviceTrustService } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import { PresenceService } from "#gen/teleport/presence/v1/service_pb.ts";
import { TrustService } from "#gen/teleport/trust/v1/service_pb.ts";
import { UsersService } from "#gen/teleport/users/v1/service_pb.ts";
import type { AuthContext } from "../context.ts";
import { agentService } from "./agent-service.ts";
import { attestationService } from "./attestation-service.ts";
import { auditService } from "./audit-service.ts";
import { alertHandlers } from "./auth-service/alerts.ts";
import { certificateHandlers } from "./auth-service/certificates.ts";
import { databaseHandlers } from "./auth-service/databases.ts";
import { inventoryHandlers } from "./auth-service/inventories.ts";
import { kubeClusterHandlers } from "./auth-service/kube-clusters.ts";
import { listingHandlers } from "./auth-service/listings.ts";
import { lockHandlers } from "./auth-service/locks.ts";
import { mfaHandlers } from "./auth-service/mfa.ts";
import { nodeHandlers } from "./auth-service/nodes.ts";
import { roleHandlers } from "./auth-service/roles.ts";
import { sessionHandlers } from "./auth-service/session.ts";
import { tokenHandlers } from "./auth-service/tokens.ts";
import { watchHandlers } from "./auth-service/watch.ts";
import { configService } from "./config-service.ts";
import { recordDenial } from "./denial.ts";
import { deviceAdminService } from "./device-admin-service.ts";
import { deviceTrustService } from "./device-trust-service.ts";
import { explainService } from "./explain-service.ts";
import { checkPeer } from "./guard.ts";
import { joinService } from "./join-service.ts";
import { loginService } from "./login-service.ts";
import { presenceService } from "./presence-service.ts";
import { trustService } from "./trust-service.ts";
import { userAdminService } from "./user-admin-service.ts";
import { usersService } from "./users-service.ts";
import { webSessionService } from "./web-session-service.ts";

/** A server of the auth API without a service yet: every call is checked before it runs, every denial is recorded. */
export function createAuthServer(context: AuthContext): GrpcServer<Peer> {
  return new GrpcServer<Peer>({
    log: context.logger,
    clock: context.clock,
    intercept: (call) => checkPeer(context, call),
    conclude: (call, status) => recordDenial(context, call, status),
  });
}

/** Registers every service. */
export function registerServices(server: GrpcServer<Peer>, context: AuthContext): void {
  server.register(LoginService, loginService(context));
  server.register(WebSessionService, webSessionService(context));
  server.register(JoinService, joinService(context));
  server.register(AgentService, agentService(context));
  server.register(TrustService, trustService(context));
  server.register(AuthService, sessionHandlers(context));
  server.register(AuthService, certificateHandlers(context));
  server.register(AuthService, roleHandlers(context));
  server.register(AuthService, tokenHandlers(context));
  server.register(AuthService, lockHandlers(context));
  server.register(AuthService, nodeHandlers(context));
  server.register(AuthService, listingHandlers(context));
  server.register(AuthService, databaseHandlers(context));
  server.register(AuthService, kubeClusterHandlers(context));
  server.register(AuthService, inventoryHandlers());
  server.register(AuthService, mfaHandlers(context));
  server.register(AuthService, alertHandlers(context));
  server.register(AuthService, watchHandlers(context));
  server.register(UsersService, usersService(context));
  server.register(ClusterConfigService, configService(context));
  server.register(PresenceService, presenceService());
  server.register(DeviceTrustService, deviceTrustService(context));
  server.register(DeviceAdminService, deviceAdminService(context));
  server.register(AttestationService, attestationService(context));
  server.register(AuditService, auditService(context));
  server.register(ExplainService, explainService(context));
  server.register(UserService, userAdminService(context));
}
