/** The answer of `/webapi/ping` and `/webapi/find`: what a client must know before it logs in. Pure. */
import { apiVersion, minimumClientVersion } from "#api/version.ts";
import { formatDuration } from "#base/duration.ts";
import type { GetPingInfoResponse } from "#gen/gatehouse/v1/login_pb.ts";

/**
 * The body in the form of the public API. `publicAddress` overwrites the address that the person typed, so it must be
 * one that they can reach. Clients must not download and run another version of themselves: automatic updates are off.
 */
export function pingBody(
  info: GetPingInfoResponse,
  publicAddress: string,
  connector: string,
  withAuth: boolean,
): object {
  return {
    ...(withAuth ? { auth: authSection(info, connector) } : {}),
    proxy: {
      kube: { enabled: true, public_addr: publicAddress, listen_addr: publicAddress },
      ssh: {
        listen_addr: publicAddress,
        tunnel_listen_addr: publicAddress,
        web_listen_addr: publicAddress,
        public_addr: publicAddress,
        ssh_public_addr: publicAddress,
        ssh_tunnel_public_addr: publicAddress,
      },
      db: { postgres_public_addr: publicAddress, mysql_public_addr: publicAddress },
      tls_routing_enabled: true,
    },
    server_version: apiVersion,
    min_client_version: minimumClientVersion,
    cluster_name: info.clusterName,
    automatic_upgrades: false,
    auto_update: {
      tools_version: "",
      tools_auto_update: false,
      agent_version: "",
      agent_auto_update: false,
      agent_update_jitter_seconds: 0,
    },
    edition: "oss",
    fips: false,
  };
}

function authSection(info: GetPingInfoResponse, connector: string): object {
  const sessionTtl = Number(info.defaultSessionTtlNs) / 1e6;
  return {
    type: "local",
    second_factor: info.secondFactor,
    preferred_local_mfa: info.preferredLocalMfa,
    allow_passwordless: info.allowPasswordless,
    allow_headless: info.allowHeadless,
    local: { name: connector },
    ...(info.webauthnRpId ? { webauthn: { rp_id: info.webauthnRpId } } : {}),
    private_key_policy: "none",
    piv_slot: "",
    device_trust: {
      disabled: info.deviceTrustDisabled,
      auto_enroll: info.deviceTrustAutoEnroll,
    },
    has_motd: info.hasMotd,
    load_all_cas: false,
    ...(sessionTtl > 0 ? { default_session_ttl: formatDuration(sessionTtl) } : {}),
    signature_algorithm_suite: info.signatureAlgorithmSuite,
  };
}
