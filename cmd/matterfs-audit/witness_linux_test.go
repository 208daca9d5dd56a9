package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"matterfs/audit"
)

// A machine that has nothing but the log and the verification key: the key says which log it is of.
func TestLogAndKeyAreEnough(t *testing.T) {
	log, key := sealedLog(t, storeA)
	_, otherKey := sealedLog(t, "ffeeddccbbaa99887766554433221100")
	kept := filepath.Join(t.TempDir(), "kept")
	do(t, 0, "checkpoint", "--file", kept, log)
	if err := os.Remove(filepath.Join(log, audit.VKeyName)); err != nil {
		t.Fatal(err)
	}
	out, _ := do(t, 0, "verify", log, "--key", key, "--against", kept)
	if !strings.Contains(out, "are those of the checkpoint kept elsewhere") || strings.Contains(out, "rewritten as a whole") {
		t.Error(out)
	}
	do(t, 2, "verify", log)
	do(t, 10, "verify", log, "--key", otherKey)
	b, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kept, bytes.Replace(b, []byte(storeA[:8]), []byte("ffffffff"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _ := do(t, 12, "verify", log, "--key", key, "--against", kept); !strings.Contains(out, "belongs to another log") {
		t.Error(out)
	}
}

// certificate makes one for 127.0.0.1.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	for path, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return cert, key, pool
}

// talk is what a running command says.
type talk struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *talk) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *talk) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// The auditor's machine is the witness, with TLS: it says where and with which key, signs what is brought, tells of each request without
// its body, and ends with 0 on SIGTERM.
func TestWitnessOnTheAuditorsMachine(t *testing.T) {
	log, key := sealedLog(t, storeA)
	cert, certKey, pool := certificate(t)
	dir := filepath.Join(t.TempDir(), "witness")
	vkey, _ := do(t, 0, "witness", "init", dir, "--name", "auditor.example/w")
	if again, _ := do(t, 0, "witness", "init", dir); again != vkey {
		t.Errorf("%q %q", vkey, again)
	}
	if qr, _ := do(t, 0, "witness", "init", dir, "--qr"); !strings.Contains(qr, "█") {
		t.Error(qr)
	}
	var out, errs talk
	code := make(chan int)
	go func() {
		code <- run([]string{"witness", "serve", dir, "--key", key, "--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", certKey}, &out, &errs, func(string) string { return "" })
	}()
	for out.String() != vkey {
		time.Sleep(time.Millisecond)
	}
	addr := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(errs.String())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	cp, _ := do(t, 0, "checkpoint", log)
	a, err := client.Post("https://"+addr+"/add-checkpoint", "text/plain", strings.NewReader("old 0\n\n"+cp))
	if err != nil {
		t.Fatal(err)
	}
	line, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode != 200 {
		t.Fatalf("%d %s %v", a.StatusCode, line, err)
	}
	a.Body.Close()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if c := <-code; c != 0 || !strings.Contains(errs.String(), `POST "/add-checkpoint" 200`) || strings.Contains(errs.String(), strings.TrimSpace(cp[len(cp)-40:])) {
		t.Errorf("%d %s", c, errs.String())
	}
	kept := filepath.Join(t.TempDir(), "kept")
	if err := os.WriteFile(kept, []byte(cp+string(line)), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, _ := do(t, 0, "verify", log, "--key", key, "--witness", strings.TrimSpace(vkey), "--against", kept); !strings.Contains(said, "signed by auditor.example/w on 20") {
		t.Error(said)
	}
	do(t, 12, "verify", log, "--key", key, "--witness", strings.TrimSpace(vkey))
}
