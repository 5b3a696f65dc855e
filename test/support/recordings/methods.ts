/** The methods of the public API by their paths, as recordings name them. */
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { AuthService } from "#gen/proto/authservice_pb.ts";
import { ClusterConfigService } from "#gen/teleport/clusterconfig/v1/service_pb.ts";
import { DeviceTrustService } from "#gen/teleport/devicetrust/v1/service_pb.ts";
import { PresenceService } from "#gen/teleport/presence/v1/service_pb.ts";
import { TransportService } from "#gen/teleport/transport/v1/service_pb.ts";
import { TrustService } from "#gen/teleport/trust/v1/service_pb.ts";
import { UsersService } from "#gen/teleport/users/v1/service_pb.ts";

const services: readonly DescService[] = [
  AuthService,
  ClusterConfigService,
  DeviceTrustService,
  PresenceService,
  TransportService,
  TrustService,
  UsersService,
];

const methods: ReadonlyMap<string, DescMethod> = new Map(
  services.flatMap((service) =>
    service.methods.map((method) => [`/${service.typeName}/${method.name}`, method] as const),
  ),
);

/** The method at a path; undefined for one that this API does not describe. */
export function findMethod(path: string): DescMethod | undefined {
  return methods.get(path);
}

/** The path of ProxySSH, which is recorded in a form of its own. */
export const proxySshPath = "/teleport.transport.v1.TransportService/ProxySSH";
