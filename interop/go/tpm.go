package main

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"io"
	"math/big"
	"net"

	"github.com/google/go-attestation/attest"
	"github.com/gravitational/teleport/api/client"
	devicepb "github.com/gravitational/teleport/api/gen/proto/go/teleport/devicetrust/v1"
)

// socketTPM is a TPM behind a Unix socket, as a command channel: one whole answer per read.
type socketTPM struct{ net.Conn }

func (s socketTPM) Read(buffer []byte) (int, error) {
	header := make([]byte, 10)
	if _, err := io.ReadFull(s.Conn, header); err != nil {
		return 0, err
	}
	size := int(binary.BigEndian.Uint32(header[2:]))
	if size < len(header) || size > len(buffer) {
		return 0, io.ErrShortBuffer
	}
	copy(buffer, header)
	return size, readRest(s.Conn, buffer[len(header):size])
}

func readRest(from io.Reader, into []byte) error {
	_, err := io.ReadFull(from, into)
	return err
}

// MeasurementLog is empty, as it is for people who may not read the firmware's.
func (s socketTPM) MeasurementLog() ([]byte, error) { return nil, nil }

// checkTPM enrolls and authenticates with the attestation library that the official clients use.
func checkTPM(ctx context.Context, t *table, clt *client.Client, s settings) {
	const serial = "INTEROPTPM"
	var device *tpmDevice
	t.check(deviceService+"EnrollDevice with a TPM (go-attestation, RSA)", func() (err error) {
		if device, err = openTPM(s.tpm); err != nil {
			return err
		}
		token, err := registered(ctx, clt, devicepb.OSType_OS_TYPE_LINUX, serial)
		if err != nil {
			return err
		}
		return device.enroll(ctx, clt, serial, token)
	})
	if device == nil {
		return
	}
	defer device.tpm.Close()
	t.check(deviceService+"AuthenticateDevice with a TPM (go-attestation, RSA)", func() error {
		data := collected(devicepb.OSType_OS_TYPE_LINUX, serial)
		return authenticate(ctx, clt, s, device.id, data, device.answer)
	})
}

type tpmDevice struct {
	tpm *attest.TPM
	ak  *attest.AK
	id  string
}

func openTPM(path string) (*tpmDevice, error) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	tpm, err := attest.OpenTPM(&attest.OpenConfig{TPMVersion: attest.TPMVersion20, CommandChannel: socketTPM{conn}})
	if err != nil {
		return nil, err
	}
	ak, err := tpm.NewAK(nil)
	if err != nil {
		return nil, err
	}
	id, err := credentialID(ak)
	return &tpmDevice{tpm: tpm, ak: ak, id: id}, err
}

// credentialID names an attestation key as the official clients do: a hash of exponent and modulus.
func credentialID(ak *attest.AK) (string, error) {
	public, err := attest.ParseAKPublic(attest.TPMVersion20, ak.AttestationParameters().Public)
	if err != nil {
		return "", err
	}
	key := public.Public.(*rsa.PublicKey)
	hash := sha256.New()
	hash.Write(big.NewInt(int64(key.E)).Bytes())
	hash.Write(key.N.Bytes())
	return base64.RawStdEncoding.EncodeToString(hash.Sum(nil)), nil
}

func (d *tpmDevice) enroll(ctx context.Context, clt *client.Client, serial, token string) error {
	keys, err := d.tpm.EKs()
	if err != nil {
		return err
	}
	parameters := d.ak.AttestationParameters()
	payload := &devicepb.TPMEnrollPayload{AttestationParameters: &devicepb.TPMAttestationParameters{
		Public: parameters.Public, CreateData: parameters.CreateData,
		CreateAttestation: parameters.CreateAttestation, CreateSignature: parameters.CreateSignature,
	}}
	if certificate := keys[0].Certificate; certificate != nil {
		payload.Ek = &devicepb.TPMEnrollPayload_EkCert{EkCert: certificate.Raw}
	} else {
		der, err := x509.MarshalPKIXPublicKey(keys[0].Public)
		if err != nil {
			return err
		}
		payload.Ek = &devicepb.TPMEnrollPayload_EkKey{EkKey: der}
	}
	stream, err := clt.DevicesClient().EnrollDevice(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(&devicepb.EnrollDeviceRequest{Payload: &devicepb.EnrollDeviceRequest_Init{
		Init: &devicepb.EnrollDeviceInit{
			Token: token, CredentialId: d.id,
			DeviceData: collected(devicepb.OSType_OS_TYPE_LINUX, serial), Tpm: payload,
		},
	}}); err != nil {
		return err
	}
	answer, err := stream.Recv()
	if err != nil {
		return err
	}
	challenge := answer.GetTpmChallenge()
	evidence, err := d.attest(challenge.GetAttestationNonce())
	if err != nil {
		return err
	}
	sealed := challenge.GetEncryptedCredential()
	solution, err := d.ak.ActivateCredential(d.tpm, attest.EncryptedCredential{
		Credential: sealed.GetCredentialBlob(), Secret: sealed.GetSecret(),
	})
	if err != nil {
		return err
	}
	if err := stream.Send(&devicepb.EnrollDeviceRequest{Payload: &devicepb.EnrollDeviceRequest_TpmChallengeResponse{
		TpmChallengeResponse: &devicepb.TPMEnrollChallengeResponse{Solution: solution, PlatformParameters: evidence},
	}}); err != nil {
		return err
	}
	if answer, err = stream.Recv(); err != nil {
		return err
	}
	credential := answer.GetSuccess().GetDevice().GetCredential()
	return expect(credential.GetId() == d.id, "%v", answer)
}

func (d *tpmDevice) attest(nonce []byte) (*devicepb.TPMPlatformParameters, error) {
	platform, err := d.tpm.AttestPlatform(d.ak, nonce, &attest.PlatformAttestConfig{EventLog: []byte{}})
	if err != nil {
		return nil, err
	}
	parameters := &devicepb.TPMPlatformParameters{EventLog: platform.EventLog}
	for _, quote := range platform.Quotes {
		parameters.Quotes = append(parameters.Quotes, &devicepb.TPMQuote{Quote: quote.Quote, Signature: quote.Signature})
	}
	for _, pcr := range platform.PCRs {
		parameters.Pcrs = append(parameters.Pcrs, &devicepb.TPMPCR{
			Index: int32(pcr.Index), Digest: pcr.Digest, DigestAlg: uint64(crypto.Hash(pcr.DigestAlg)),
		})
	}
	return parameters, nil
}

func (d *tpmDevice) answer(challenge *devicepb.AuthenticateDeviceResponse, key ed25519.PrivateKey) (*devicepb.AuthenticateDeviceRequest, error) {
	nonce := challenge.GetTpmChallenge().GetAttestationNonce()
	evidence, err := d.attest(nonce)
	if err != nil {
		return nil, err
	}
	response := &devicepb.TPMAuthenticateDeviceChallengeResponse{
		PlatformParameters: evidence, SshSignature: ed25519.Sign(key, nonce),
	}
	return &devicepb.AuthenticateDeviceRequest{
		Payload: &devicepb.AuthenticateDeviceRequest_TpmChallengeResponse{TpmChallengeResponse: response},
	}, nil
}
