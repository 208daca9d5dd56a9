// Package testca makes certificates for tests: an authority, and what it issues, in files that programs read.
//
//	ca := testca.New(t)
//	server := ca.Issue("server", "127.0.0.1", "log.example") // server.pem and server.key in ca.Dir
package testca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// CA is an authority whose certificates are good for an hour.
type CA struct {
	t    testing.TB
	Dir  string // holds ca.pem, and NAME.pem and NAME.key of each certificate issued
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// New makes an authority.
func New(t testing.TB) *CA {
	t.Helper()
	c := &CA{t: t, Dir: t.TempDir()}
	c.cert, c.key = c.make("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return c
}

// File is the authority's own certificate.
func (c *CA) File() string { return filepath.Join(c.Dir, "ca.pem") }

// Pool holds the authority's own certificate.
func (c *CA) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(c.cert)
	return p
}

// Issue makes a certificate for a server or client; hosts are names and addresses.
func (c *CA) Issue(name string, hosts ...string) tls.Certificate {
	c.t.Helper()
	x := &x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			x.IPAddresses = append(x.IPAddresses, ip)
		} else {
			x.DNSNames = append(x.DNSNames, h)
		}
	}
	c.make(name, x)
	p, err := tls.LoadX509KeyPair(filepath.Join(c.Dir, name+".pem"), filepath.Join(c.Dir, name+".key"))
	c.must(err)
	return p
}

func (c *CA) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *CA) make(name string, x *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	c.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	c.must(err)
	x.SerialNumber, x.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	x.NotBefore, x.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := c.cert, c.key
	if parent == nil {
		parent, signer = x, key
	}
	der, err := x509.CreateCertificate(rand.Reader, x, parent, &key.PublicKey, signer)
	c.must(err)
	secret, err := x509.MarshalECPrivateKey(key)
	c.must(err)
	c.write(name+".pem", &pem.Block{Type: "CERTIFICATE", Bytes: der})
	c.write(name+".key", &pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})
	cert, err := x509.ParseCertificate(der)
	c.must(err)
	return cert, key
}

func (c *CA) write(name string, b *pem.Block) {
	c.t.Helper()
	c.must(os.WriteFile(filepath.Join(c.Dir, name), pem.EncodeToMemory(b), 0o600))
}
