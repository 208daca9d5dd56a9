package testca

import (
	"crypto/x509"
	"testing"
)

// What one authority issued is good for the hosts it names, and for no other authority.
func TestIssue(t *testing.T) {
	a, b := New(t), New(t)
	leaf, err := x509.ParseCertificate(a.Issue("server", "127.0.0.1", "log.example").Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "log.example"} {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), DNSName: host}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), DNSName: "other.example"}); err == nil {
		t.Error("good for a host it does not name")
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: b.Pool()}); err == nil {
		t.Error("good for another authority")
	}
}
