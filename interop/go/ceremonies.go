package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"fmt"

	"github.com/google/uuid"
	"github.com/gravitational/teleport/api/client"
	devicepb "github.com/gravitational/teleport/api/gen/proto/go/teleport/devicetrust/v1"
	"github.com/gravitational/trace/trail"
	"golang.org/x/crypto/ssh"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func collected(system devicepb.OSType, serial string) *devicepb.DeviceCollectedData {
	return &devicepb.DeviceCollectedData{
		CollectTime: timestamppb.Now(), OsType: system, SerialNumber: serial,
		ModelIdentifier: "Interop", OsVersion: "12", OsBuild: "12", OsUsername: "root",
	}
}

// registered creates a device and a token with which to enroll it.
func registered(ctx context.Context, clt *client.Client, system devicepb.OSType, serial string) (string, error) {
	device := &devicepb.Device{ApiVersion: "v1", OsType: system, AssetTag: serial}
	request := &devicepb.CreateDeviceRequest{Device: device, CreateEnrollToken: true}
	made, err := clt.DevicesClient().CreateDevice(ctx, request)
	if err != nil {
		return "", err
	}
	return made.EnrollToken.GetToken(), nil
}

// checkCeremonies enrolls and authenticates a simulated Secure Enclave and, if there is one, a TPM.
func checkCeremonies(ctx context.Context, t *table, clt *client.Client, s settings) {
	enclave := &softwareEnclave{id: uuid.NewString()}
	t.check(deviceService+"EnrollDevice of macOS (software key)", func() error {
		return enclave.enroll(ctx, clt, "INTEROPMAC")
	})
	t.check(deviceService+"EnrollDevice refuses a spent token", func() error {
		return accessDenied(trail.FromGRPC(enclave.enrollWith(ctx, clt, "INTEROPMAC", enclave.token)))
	})
	t.check(deviceService+"AuthenticateDevice of macOS (software key)", func() error {
		return enclave.authenticate(ctx, clt, s, true)
	})
	t.check(deviceService+"AuthenticateDevice refuses a login without the signature of its SSH key", func() error {
		return accessDenied(trail.FromGRPC(enclave.authenticate(ctx, clt, s, false)))
	})
	t.check(deviceService+"AuthenticateDevice refuses a web token that it does not know", func() error {
		return accessDenied(trail.FromGRPC(enclave.authenticateForBrowser(ctx, clt)))
	})
	t.check(deviceService+"ListDevicesByUser shows what was enrolled", func() error {
		page, err := clt.DevicesClient().ListDevicesByUser(ctx, &devicepb.ListDevicesByUserRequest{})
		if err != nil {
			return err
		}
		return expect(len(page.Devices) == 1 && page.Devices[0].AssetTag == "INTEROPMAC", "%v", page.Devices)
	})
	if s.tpm != "" {
		checkTPM(ctx, t, clt, s)
	}
}

// softwareEnclave answers as a Secure Enclave would, with a key in memory.
type softwareEnclave struct {
	id    string
	token string
	key   *ecdsa.PrivateKey
}

func (e *softwareEnclave) enroll(ctx context.Context, clt *client.Client, serial string) (err error) {
	if e.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	if e.token, err = registered(ctx, clt, devicepb.OSType_OS_TYPE_MACOS, serial); err != nil {
		return err
	}
	return e.enrollWith(ctx, clt, serial, e.token)
}

func (e *softwareEnclave) sign(challenge []byte) ([]byte, error) {
	digest := sha256.Sum256(challenge)
	return ecdsa.SignASN1(rand.Reader, e.key, digest[:])
}

func (e *softwareEnclave) enrollWith(ctx context.Context, clt *client.Client, serial, token string) error {
	public, err := x509.MarshalPKIXPublicKey(e.key.Public())
	if err != nil {
		return err
	}
	stream, err := clt.DevicesClient().EnrollDevice(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(&devicepb.EnrollDeviceRequest{Payload: &devicepb.EnrollDeviceRequest_Init{
		Init: &devicepb.EnrollDeviceInit{
			Token: token, CredentialId: e.id, DeviceData: collected(devicepb.OSType_OS_TYPE_MACOS, serial),
			Macos: &devicepb.MacOSEnrollPayload{PublicKeyDer: public},
		},
	}}); err != nil {
		return err
	}
	answer, err := stream.Recv()
	if err != nil {
		return err
	}
	signature, err := e.sign(answer.GetMacosChallenge().GetChallenge())
	if err != nil {
		return err
	}
	if err := stream.Send(&devicepb.EnrollDeviceRequest{Payload: &devicepb.EnrollDeviceRequest_MacosChallengeResponse{
		MacosChallengeResponse: &devicepb.MacOSEnrollChallengeResponse{Signature: signature},
	}}); err != nil {
		return err
	}
	if answer, err = stream.Recv(); err != nil {
		return err
	}
	device := answer.GetSuccess().GetDevice()
	enrolled := devicepb.DeviceEnrollStatus_DEVICE_ENROLL_STATUS_ENROLLED
	return expect(device.GetEnrollStatus() == enrolled, "%v", answer)
}

func (e *softwareEnclave) authenticate(ctx context.Context, clt *client.Client, s settings, signed bool) error {
	data := collected(devicepb.OSType_OS_TYPE_MACOS, "INTEROPMAC")
	return authenticate(ctx, clt, s, e.id, data, func(answer *devicepb.AuthenticateDeviceResponse, key ed25519.PrivateKey) (*devicepb.AuthenticateDeviceRequest, error) {
		challenge := answer.GetChallenge().GetChallenge()
		signature, err := e.sign(challenge)
		if err != nil {
			return nil, err
		}
		response := &devicepb.AuthenticateDeviceChallengeResponse{Signature: signature}
		if signed {
			response.SshSignature = ed25519.Sign(key, challenge)
		}
		return &devicepb.AuthenticateDeviceRequest{
			Payload: &devicepb.AuthenticateDeviceRequest_ChallengeResponse{ChallengeResponse: response},
		}, nil
	})
}

// authenticateForBrowser begins the authentication of a browser's session with a token that nobody gave out.
func (e *softwareEnclave) authenticateForBrowser(ctx context.Context, clt *client.Client) error {
	stream, err := clt.DevicesClient().AuthenticateDevice(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(&devicepb.AuthenticateDeviceRequest{Payload: &devicepb.AuthenticateDeviceRequest_Init{
		Init: &devicepb.AuthenticateDeviceInit{
			CredentialId:   e.id,
			DeviceData:     collected(devicepb.OSType_OS_TYPE_MACOS, "INTEROPMAC"),
			DeviceWebToken: &devicepb.DeviceWebToken{Id: uuid.NewString(), Token: uuid.NewString()},
		},
	}}); err != nil {
		return err
	}
	_, err = stream.Recv()
	return err
}

type answerChallenge func(*devicepb.AuthenticateDeviceResponse, ed25519.PrivateKey) (*devicepb.AuthenticateDeviceRequest, error)

// authenticate runs the login ceremony with fresh split keys and looks at the certificates that come back.
func authenticate(ctx context.Context, clt *client.Client, s settings, credential string, data *devicepb.DeviceCollectedData, respond answerChallenge) error {
	me, err := newIdentity(ctx, clt)
	if err != nil {
		return err
	}
	own, err := connect(ctx, s, client.LoadTLS(me.tlsConfig()))
	if err != nil {
		return err
	}
	defer own.Close()
	stream, err := own.DevicesClient().AuthenticateDevice(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(&devicepb.AuthenticateDeviceRequest{Payload: &devicepb.AuthenticateDeviceRequest_Init{
		Init: &devicepb.AuthenticateDeviceInit{
			UserCertificates: &devicepb.UserCertificates{SshAuthorizedKey: me.sshLine},
			CredentialId:     credential, DeviceData: data,
		},
	}}); err != nil {
		return err
	}
	answer, err := stream.Recv()
	if err != nil {
		return err
	}
	response, err := respond(answer, me.sshKey)
	if err != nil {
		return err
	}
	if err := stream.Send(response); err != nil {
		return err
	}
	if answer, err = stream.Recv(); err != nil {
		return err
	}
	return expectTrusted(answer.GetUserCertificates())
}

// expectTrusted gives an error unless both certificates name the device.
func expectTrusted(certificates *devicepb.UserCertificates) error {
	parsed, err := x509.ParseCertificate(certificates.GetX509Der())
	if err != nil {
		return err
	}
	fields := 0
	for _, name := range parsed.Subject.Names {
		if len(name.Type) == 5 && name.Type[3] == 3 {
			fields++
		}
	}
	if err := expect(fields == 3, "%d device fields in %v", fields, parsed.Subject); err != nil {
		return err
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(certificates.GetSshAuthorizedKey())
	if err != nil {
		return err
	}
	certificate, ok := key.(*ssh.Certificate)
	if !ok {
		return fmt.Errorf("%T is no certificate", key)
	}
	_, found := certificate.Extensions["teleport-device-id"]
	return expect(found, "no device in %v", certificate.Extensions)
}
