package export

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Target is where records go: a file or a syslog collector.
type Target struct {
	text string      // as it was given
	path string      // of a file; empty for a collector
	addr string      // host and port of a collector
	tls  *tls.Config // nil: loopback, in clear
}

// String is the target as it was given.
func (t Target) String() string { return t.text }

// TLS is how to know a collector, and how to be known to it. Names are of files in PEM.
type TLS struct {
	CA         string // authorities that the collector's certificate goes back to; empty: those of the system
	Cert, Key  string // a client certificate and its key; empty: none
	ServerName string // that the certificate must be for; empty: the host of the target
}

// TargetError is a target that nothing may be sent to.
type TargetError struct{ Target, What string }

func (e *TargetError) Error() string { return fmt.Sprintf("--to %s: %s", e.Target, e.What) }

// ParseTarget reads file:PATH, syslog+tls://HOST[:PORT] (6514 by default) or syslog+tcp://LOOPBACK:PORT. The files of o are read.
func ParseTarget(text string, o TLS) (Target, error) {
	bad := func(format string, args ...any) (Target, error) {
		return Target{}, &TargetError{text, fmt.Sprintf(format, args...)}
	}
	if path, ok := strings.CutPrefix(text, "file:"); ok {
		full, err := filepath.Abs(path)
		if path == "" || err != nil || o != (TLS{}) {
			return bad("a file target is file:PATH, and takes no certificates")
		}
		return Target{text: "file:" + full, path: full}, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return bad("%v", err)
	}
	if u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return bad("write it as file:PATH, syslog+tls://HOST:PORT or syslog+tcp://127.0.0.1:PORT")
	}
	switch u.Scheme {
	case "syslog+tls":
		return tlsTarget(text, u, o)
	case "syslog+tcp":
		if ip, err := netip.ParseAddr(u.Hostname()); err != nil || !ip.IsLoopback() || u.Port() == "" || o != (TLS{}) {
			return bad("in clear only to an address of this machine with a port, as in syslog+tcp://127.0.0.1:601: use syslog+tls://")
		}
		return Target{text: text, addr: u.Host}, nil
	}
	return bad("%q is none of file, syslog+tls, syslog+tcp", u.Scheme)
}

func tlsTarget(text string, u *url.URL, o TLS) (Target, error) {
	port := u.Port()
	if port == "" {
		port = "6514" // RFC 5425, section 4.1
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: o.ServerName}
	if c.ServerName == "" {
		c.ServerName = u.Hostname()
	}
	if o.CA != "" {
		pem, err := os.ReadFile(o.CA)
		if err != nil {
			return Target{}, err
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(pem) {
			return Target{}, &TargetError{text, o.CA + " holds no certificate in PEM"}
		}
	}
	if o.Cert != "" || o.Key != "" {
		pair, err := tls.LoadX509KeyPair(o.Cert, o.Key)
		if err != nil {
			return Target{}, &TargetError{text, fmt.Sprintf("client certificate: %v", err)}
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return Target{text: text, addr: net.JoinHostPort(u.Hostname(), port), tls: c}, nil
}

// outside refuses a file in the log's own directory, where it would pass for a part of the log.
func (t Target) outside(log string) error {
	if t.path == "" {
		return nil
	}
	at, err := filepath.EvalSymlinks(filepath.Dir(t.path))
	if err != nil {
		return err
	}
	in, err := filepath.EvalSymlinks(log)
	if err != nil {
		return err
	}
	if in, err = filepath.Abs(in); err != nil {
		return err
	}
	if at == in || strings.HasPrefix(at, in+string(filepath.Separator)) {
		return &TargetError{t.text, "it lies in the directory of the log"}
	}
	return nil
}
