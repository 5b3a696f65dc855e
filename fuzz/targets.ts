/** Every fuzz target. Each parses what a stranger, or somebody who is not trusted yet, may send. */
import type { Target } from "./target.ts";
import { authCalls } from "./targets/auth-calls.ts";
import { config } from "./targets/config.ts";
import { der } from "./targets/der.ts";
import { deviceFacts } from "./targets/device-facts.ts";
import { endorsement } from "./targets/endorsement.ts";
import { eventLog } from "./targets/event-log.ts";
import { expression } from "./targets/expression.ts";
import { grpcFrames } from "./targets/grpc-frames.ts";
import { kubeAnswer, kubeBody, kubeRequest } from "./targets/kube.ts";
import { mysql } from "./targets/mysql.ts";
import { pem } from "./targets/pem.ts";
import { platformEvidence } from "./targets/platform-evidence.ts";
import { postgres } from "./targets/postgres.ts";
import { redis } from "./targets/redis.ts";
import { sshAuthentication } from "./targets/ssh-authentication.ts";
import { sshCertificates } from "./targets/ssh-certificate.ts";
import { sshConnection } from "./targets/ssh-connection.ts";
import { sshKeys } from "./targets/ssh-keys.ts";
import { sshMessages } from "./targets/ssh-messages.ts";
import { sshVersion } from "./targets/ssh-version.ts";
import { subject } from "./targets/subject.ts";
import { tpmStructures } from "./targets/tpm-structures.ts";
import { tunnelOpening } from "./targets/tunnel-opening.ts";
import { webRequests } from "./targets/web-requests.ts";
import { x509 } from "./targets/x509.ts";
import { yaml } from "./targets/yaml.ts";

/** All of them, in the order in which they run. */
export const targets: readonly Target[] = [
  sshVersion,
  sshMessages,
  sshConnection,
  sshAuthentication,
  sshKeys,
  sshCertificates,
  postgres,
  mysql,
  redis,
  der,
  x509,
  pem,
  subject,
  tpmStructures,
  eventLog,
  platformEvidence,
  endorsement,
  deviceFacts,
  webRequests,
  tunnelOpening,
  grpcFrames,
  authCalls,
  yaml,
  config,
  expression,
  kubeRequest,
  kubeBody,
  kubeAnswer,
];
