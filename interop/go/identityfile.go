package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"time"

	"github.com/gravitational/teleport/api/client"
	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/identityfile"
	"github.com/gravitational/teleport/api/types"
	"golang.org/x/crypto/ssh"
)

// checkIdentityFile asks for certificates of one RSA key in the older form of the request, stores them as an identity
// file and logs in with it.
func checkIdentityFile(ctx context.Context, clt *client.Client, s settings) error {
	user, err := clt.GetCurrentUser(ctx)
	if err != nil {
		return err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	public, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		return err
	}
	certificates, err := clt.GenerateUserCerts(ctx, proto.UserCertsRequest{
		PublicKey: ssh.MarshalAuthorizedKey(public),
		Username:  user.GetName(),
		Expires:   time.Now().Add(time.Hour),
	})
	if err != nil {
		return err
	}
	file := &identityfile.IdentityFile{
		PrivateKey: pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}),
		Certs:      identityfile.Certs{SSH: certificates.SSH, TLS: certificates.TLS},
	}
	authorities, err := clt.GetCertAuthorities(ctx, types.HostCA, false)
	if err != nil {
		return err
	}
	for _, authority := range authorities {
		for _, pair := range authority.GetTrustedTLSKeyPairs() {
			file.CACerts.TLS = append(file.CACerts.TLS, pair.Cert)
		}
		for _, pair := range authority.GetTrustedSSHKeyPairs() {
			line := append([]byte("@cert-authority *."+authority.GetClusterName()+" "), pair.PublicKey...)
			file.CACerts.SSH = append(file.CACerts.SSH, line)
		}
	}
	folder, err := os.MkdirTemp("", "gatehouse-identity-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "identity")
	if err := identityfile.Write(file, path); err != nil {
		return err
	}
	other, err := connect(ctx, s, client.LoadIdentityFile(path))
	if err != nil {
		return err
	}
	return other.Close()
}
