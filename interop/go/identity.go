package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"time"

	"github.com/gravitational/teleport/api/client"
	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/teleport/api/utils"
	"golang.org/x/crypto/ssh"
)

// identity is what a newer client holds after a login: separate keys for SSH and TLS, each with its certificate.
type identity struct {
	cluster string
	sshKey  ed25519.PrivateKey
	sshLine []byte
	tls     tls.Certificate
	roots   *x509.CertPool
}

// newIdentity has fresh keys certified for the person who is logged in.
func newIdentity(ctx context.Context, clt *client.Client) (*identity, error) {
	user, err := clt.GetCurrentUser(ctx)
	if err != nil {
		return nil, err
	}
	sshPublic, sshKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	sshWire, err := ssh.NewPublicKey(sshPublic)
	if err != nil {
		return nil, err
	}
	tlsKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	tlsPublic, err := x509.MarshalPKIXPublicKey(tlsKey.Public())
	if err != nil {
		return nil, err
	}
	certificates, err := clt.GenerateUserCerts(ctx, proto.UserCertsRequest{
		SSHPublicKey: ssh.MarshalAuthorizedKey(sshWire),
		TLSPublicKey: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: tlsPublic}),
		Username:     user.GetName(),
		Expires:      time.Now().Add(time.Hour),
	})
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(certificates.TLS)
	roots := x509.NewCertPool()
	authorities, err := clt.GetCertAuthorities(ctx, types.HostCA, false)
	if err != nil {
		return nil, err
	}
	for _, authority := range authorities {
		for _, pair := range authority.GetTrustedTLSKeyPairs() {
			roots.AppendCertsFromPEM(pair.Cert)
		}
	}
	cluster, err := clt.GetDomainName(ctx)
	if err != nil {
		return nil, err
	}
	return &identity{
		cluster: cluster,
		sshKey:  sshKey,
		sshLine: certificates.SSH,
		tls:     tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: tlsKey},
		roots:   roots,
	}, nil
}

// tlsConfig is what the API client connects with.
func (i *identity) tlsConfig() *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{i.tls},
		RootCAs:      i.roots,
		ServerName:   utils.EncodeClusterName(i.cluster),
	}
}
