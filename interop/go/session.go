package main

import (
	"context"
	"fmt"
	"time"

	"github.com/gravitational/teleport/api/client"
	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/client/webclient"
	mfav1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/mfa/v1"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/trace"
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
	contextUser := &proto.CreateAuthenticateChallengeRequest_ContextUser{ContextUser: &proto.ContextUser{}}
	t.check("proto.AuthService/CreateAuthenticateChallenge for a session that needs none", func() error {
		target := &proto.IsMFARequiredRequest_Node{Node: &proto.NodeLogin{Node: "x", Login: "root"}}
		challenge, err := clt.CreateAuthenticateChallenge(ctx, &proto.CreateAuthenticateChallengeRequest{
			Request:             contextUser,
			MFARequiredCheck:    &proto.IsMFARequiredRequest{Target: target},
			ChallengeExtensions: &mfav1.ChallengeExtensions{Scope: mfav1.ChallengeScope_CHALLENGE_SCOPE_USER_SESSION},
		})
		if err != nil {
			return err
		}
		answered := challenge.TOTP == nil && challenge.MFARequired == proto.MFARequired_MFA_REQUIRED_NO
		return expect(answered, "%+v", challenge)
	})
	t.check("proto.AuthService/CreateAuthenticateChallenge to change second factors", func() error {
		challenge, err := clt.CreateAuthenticateChallenge(ctx, &proto.CreateAuthenticateChallengeRequest{
			Request:             contextUser,
			ChallengeExtensions: &mfav1.ChallengeExtensions{Scope: mfav1.ChallengeScope_CHALLENGE_SCOPE_MANAGE_DEVICES},
		})
		if err != nil {
			return err
		}
		return expect(challenge.TOTP != nil && challenge.WebauthnChallenge == nil, "%+v", challenge)
	})
	t.check("proto.AuthService/CreateRegisterChallenge refuses who shows no second factor", func() error {
		_, err := clt.CreateRegisterChallenge(ctx, &proto.CreateRegisterChallengeRequest{
			DeviceType: proto.DeviceType_DEVICE_TYPE_TOTP,
		})
		return expect(trace.IsBadParameter(err), "%v", err)
	})
	t.check("proto.AuthService/DeleteMFADeviceSync refuses a wrong code", func() error {
		err := clt.DeleteMFADeviceSync(ctx, &proto.DeleteMFADeviceSyncRequest{
			DeviceName: "otp",
			ExistingMFAResponse: &proto.MFAAuthenticateResponse{
				Response: &proto.MFAAuthenticateResponse_TOTP{TOTP: &proto.TOTPResponse{Code: "000000"}},
			},
		})
		return expect(trace.IsAccessDenied(err), "%v", err)
	})
	t.check("proto.AuthService/GetMFADevices", func() error {
		answer, err := clt.GetMFADevices(ctx, &proto.GetMFADevicesRequest{})
		if err != nil {
			return err
		}
		return expect(len(answer.Devices) == 1 && answer.Devices[0].GetTotp() != nil, "%+v", answer)
	})
	t.check("proto.AuthService/UpsertClusterAlert, CreateAlertAck, GetAlertAcks, ClearAlertAcks", func() error {
		alert, err := types.NewClusterAlert("interop", "from the Go client", types.WithAlertSeverity(types.AlertSeverity_HIGH))
		if err != nil {
			return err
		}
		alert.Metadata.Labels = map[string]string{types.AlertPermitAll: "yes"}
		if err := clt.UpsertClusterAlert(ctx, alert); err != nil {
			return err
		}
		found, err := clt.GetClusterAlerts(ctx, types.GetClusterAlertsRequest{AlertID: "interop"})
		if err != nil || len(found) != 1 || found[0].Spec.Message != "from the Go client" {
			return fmt.Errorf("%v %+v", err, found)
		}
		ack := types.AlertAcknowledgement{AlertID: "interop", Reason: "known", Expires: time.Now().Add(time.Hour)}
		if err := clt.CreateAlertAck(ctx, ack); err != nil {
			return err
		}
		acks, err := clt.GetAlertAcks(ctx)
		if err != nil || len(acks) != 1 || acks[0].Reason != "known" {
			return fmt.Errorf("%v %+v", err, acks)
		}
		return clt.ClearAlertAcks(ctx, proto.ClearAlertAcksRequest{AlertID: "interop"})
	})
	t.check("teleport.presence.v1.PresenceService/ListRemoteClusters", func() error {
		_, _, err := clt.ListRemoteClusters(ctx, 10, "")
		return err
	})
}
