package main

import (
	"context"
	"time"

	"github.com/gravitational/teleport/api/client"
	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/client/webclient"
	"github.com/gravitational/teleport/api/types"
)

// checkWeb asks what every client asks first.
func checkWeb(ctx context.Context, t *table, s settings) {
	config := &webclient.Config{Context: ctx, ProxyAddr: s.proxy, Insecure: true}
	t.check("GET /webapi/find", func() error {
		found, err := webclient.Find(config)
		if err != nil {
			return err
		}
		return expect(found.Proxy.TLSRoutingEnabled && found.ClusterName != "", "%+v", found)
	})
	t.check("GET /webapi/ping", func() error {
		ping, err := webclient.Ping(config)
		if err != nil {
			return err
		}
		return expect(ping.Auth.Type == "local" && !ping.Auth.DeviceTrust.Disabled, "%+v", ping.Auth)
	})
}

// connect opens a client with credentials and proves that it answers.
func connect(ctx context.Context, s settings, credentials client.Credentials) (*client.Client, error) {
	clt, err := client.New(ctx, client.Config{
		Addrs:                    []string{s.proxy},
		Credentials:              []client.Credentials{credentials},
		InsecureAddressDiscovery: true,
		DialTimeout:              10 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	if _, err := clt.Ping(ctx); err != nil {
		clt.Close()
		return nil, err
	}
	return clt, nil
}

// checkCredentials logs in with everything that a person may hold; gives the client of the profile.
func checkCredentials(ctx context.Context, t *table, s settings) *client.Client {
	var clt *client.Client
	t.check("credentials from the profile folder of our tsh", func() (err error) {
		clt, err = connect(ctx, s, client.LoadProfile(s.profile, ""))
		return err
	})
	if clt != nil {
		t.check("credentials from an identity file", func() error { return checkIdentityFile(ctx, clt, s) })
	}
	return clt
}

// checkSession makes the calls that clients make around their own.
func checkSession(ctx context.Context, t *table, clt *client.Client) {
	t.check("proto.AuthService/Ping", func() error {
		pong, err := clt.Ping(ctx)
		if err != nil {
			return err
		}
		return expect(pong.ClusterName != "" && pong.ServerVersion != "", "%+v", pong)
	})
	t.check("proto.AuthService/GetDomainName", func() error {
		name, err := clt.GetDomainName(ctx)
		if err != nil {
			return err
		}
		return expect(name != "", "no name")
	})
	t.check("proto.AuthService/GetClusterCACert", func() error {
		answer, err := clt.GetClusterCACert(ctx)
		if err != nil {
			return err
		}
		return expect(len(answer.TLSCA) > 0, "no certificate")
	})
	t.check("teleport.trust.v1.TrustService/GetCertAuthority", func() error {
		name, _ := clt.GetDomainName(ctx)
		id := types.CertAuthID{Type: types.HostCA, DomainName: name}
		authority, err := clt.GetCertAuthority(ctx, id, false)
		if err != nil {
			return err
		}
		return all(
			func() error { return expect(len(authority.GetTrustedTLSKeyPairs()) > 0, "no TLS key") },
			func() error { return expect(len(authority.GetTrustedSSHKeyPairs()) > 0, "no SSH key") },
			func() error { _, err := clt.GetCertAuthority(ctx, id, true); return accessDenied(err) },
			func() error {
				_, err := clt.GetCertAuthority(ctx, types.CertAuthID{Type: types.HostCA, DomainName: "nope"}, false)
				return notFound(err)
			},
		)
	})
	t.check("teleport.trust.v1.TrustService/GetCertAuthorities", func() error {
		for _, kind := range []types.CertAuthType{types.UserCA, types.HostCA, types.OpenSSHCA, types.DatabaseCA} {
			if _, err := clt.GetCertAuthorities(ctx, kind, false); err != nil {
				return err
			}
		}
		_, err := clt.GetCertAuthorities(ctx, "nonsense", false)
		return badParameter(err)
	})
	t.check("proto.AuthService/GetAccessCapabilities", func() error {
		_, err := clt.GetAccessCapabilities(ctx, types.AccessCapabilitiesRequest{RequestableRoles: true})
		return err
	})
	t.check("proto.AuthService/GetClusterAlerts", func() error {
		_, err := clt.GetClusterAlerts(ctx, types.GetClusterAlertsRequest{})
		return err
	})
	t.check("proto.AuthService/IsMFARequired", func() error {
		target := &proto.IsMFARequiredRequest_Node{Node: &proto.NodeLogin{Node: "x", Login: "root"}}
		answer, err := clt.IsMFARequired(ctx, &proto.IsMFARequiredRequest{Target: target})
		if err != nil {
			return err
		}
		return expect(!answer.Required && answer.MFARequired == proto.MFARequired_MFA_REQUIRED_NO, "%+v", answer)
	})
	t.check("proto.AuthService/CreateAuthenticateChallenge", func() error {
		challenge, err := clt.CreateAuthenticateChallenge(ctx, &proto.CreateAuthenticateChallengeRequest{
			Request: &proto.CreateAuthenticateChallengeRequest_ContextUser{ContextUser: &proto.ContextUser{}},
		})
		if err != nil {
			return err
		}
		return expect(challenge.MFARequired == proto.MFARequired_MFA_REQUIRED_NO, "%+v", challenge)
	})
	t.check("proto.AuthService/GetMFADevices", func() error {
		answer, err := clt.GetMFADevices(ctx, &proto.GetMFADevicesRequest{})
		if err != nil {
			return err
		}
		return expect(len(answer.Devices) == 1 && answer.Devices[0].GetTotp() != nil, "%+v", answer)
	})
	t.check("teleport.presence.v1.PresenceService/ListRemoteClusters", func() error {
		_, _, err := clt.ListRemoteClusters(ctx, 10, "")
		return err
	})
}
