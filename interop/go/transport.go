package main

import (
	"context"
	"crypto/tls"
	"strings"

	"github.com/gravitational/teleport/api/client"
	"github.com/gravitational/teleport/api/client/proxy"
	"github.com/gravitational/trace"
	"golang.org/x/crypto/ssh"
)

const transportService = "teleport.transport.v1.TransportService/"

// checkTransport reaches a server through the proxy's transport, as tsh does, and runs a command there.
func checkTransport(ctx context.Context, t *table, clt *client.Client, s settings) {
	me, err := newIdentity(ctx, clt)
	if err != nil {
		t.check(transportService+"ProxySSH", func() error { return err })
		return
	}
	config, err := me.sshConfig(s.login)
	if err != nil {
		t.check(transportService+"ProxySSH", func() error { return err })
		return
	}
	var door *proxy.Client
	t.check(transportService+"GetClusterDetails", func() (err error) {
		door, err = proxy.NewClient(ctx, proxy.ClientConfig{
			ProxyAddress: s.proxy, TLSRoutingEnabled: true, InsecureSkipVerify: true,
			TLSConfigFunc: func(string) (*tls.Config, error) { return me.tlsConfig(), nil },
			SSHConfig:     config,
		})
		if err != nil {
			return err
		}
		if err := door.Ping(ctx); err != nil {
			return err
		}
		_, err = door.ClusterDetails(ctx)
		return err
	})
	if door == nil {
		return
	}
	defer door.Close()
	t.check(transportService+"ProxySSH", func() error {
		conn, _, err := door.DialHost(ctx, s.node+":0", me.cluster, nil)
		if err != nil {
			return err
		}
		defer conn.Close()
		peer, channels, requests, err := ssh.NewClientConn(conn, s.node+":0", config)
		if err != nil {
			return err
		}
		remote := ssh.NewClient(peer, channels, requests)
		defer remote.Close()
		session, err := remote.NewSession()
		if err != nil {
			return err
		}
		output, err := session.Output("echo reached")
		if err != nil {
			return err
		}
		return expect(strings.TrimSpace(string(output)) == "reached", "%q", output)
	})
	t.check(transportService+"ProxySSH to an unknown server", func() error {
		_, _, err := door.DialHost(ctx, "nonode:0", me.cluster, nil)
		return refused(err, trace.IsConnectionProblem, "ConnectionProblem")
	})
	t.check(transportService+"ProxyCluster", func() error {
		config, err := door.ClientConfig(ctx, me.cluster)
		if err != nil {
			return err
		}
		other, err := client.New(ctx, config)
		if err != nil {
			return err
		}
		defer other.Close()
		_, err = other.Ping(ctx)
		return err
	})
}

// sshConfig logs in with the certificate. The host's certificate is the business of other tests.
func (i *identity) sshConfig(login string) (*ssh.ClientConfig, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey(i.sshLine)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.NewSignerFromKey(i.sshKey)
	if err != nil {
		return nil, err
	}
	certified, err := ssh.NewCertSigner(key.(*ssh.Certificate), signer)
	if err != nil {
		return nil, err
	}
	return &ssh.ClientConfig{
		User:            login,
		Auth:            []ssh.AuthMethod{ssh.PublicKeys(certified)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	}, nil
}
