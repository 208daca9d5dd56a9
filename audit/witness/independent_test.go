package witness

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// foreignLog is a log of somebody else with one key for ever, written after the texts of C2SP and RFC 6962 and sharing no code with this
// module: what a client of theirs sends.
type foreignLog struct {
	origin string
	key    ed25519.PrivateKey
	hashes []tlog.Hash
	n      int64
}

func newForeignLog(t testing.TB, origin string) *foreignLog {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &foreignLog{origin: origin, key: key}
}

func (l *foreignLog) read(at []int64) (out []tlog.Hash, err error) {
	for _, i := range at {
		out = append(out, l.hashes[i])
	}
	return out, nil
}

func (l *foreignLog) add(t testing.TB, lines ...string) {
	t.Helper()
	for _, s := range lines {
		more, err := tlog.StoredHashes(l.n, []byte(s), tlog.HashReaderFunc(l.read))
		if err != nil {
			t.Fatal(err)
		}
		l.hashes, l.n = append(l.hashes, more...), l.n+1
	}
}

func numbered(from, n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("record %d", from+i))
	}
	return list
}

// keyID is that of signed-note.
func keyID(name string, kind byte, pub ed25519.PublicKey) []byte {
	h := sha256.Sum256(append([]byte(name+"\n"+string(rune(kind))), pub...))
	return h[:4]
}

func (l *foreignLog) vkey() string {
	pub := l.key.Public().(ed25519.PublicKey)
	return fmt.Sprintf("%s+%x+%s", l.origin, keyID(l.origin, 1, pub), base64.StdEncoding.EncodeToString(append([]byte{1}, pub...)))
}

func (l *foreignLog) text(t testing.TB, size int64) string {
	t.Helper()
	root, err := tlog.TreeHash(size, tlog.HashReaderFunc(l.read))
	if err != nil {
		t.Fatal(err)
	}
	return l.origin + "\n" + strconv.FormatInt(size, 10) + "\n" + base64.StdEncoding.EncodeToString(root[:]) + "\n"
}

func (l *foreignLog) sign(text string) string {
	sig := append(keyID(l.origin, 1, l.key.Public().(ed25519.PublicKey)), ed25519.Sign(l.key, []byte(text))...)
	return text + "\n— " + l.origin + " " + base64.StdEncoding.EncodeToString(sig) + "\n"
}

func (l *foreignLog) checkpoint(t testing.TB, size int64) string {
	t.Helper()
	return l.sign(l.text(t, size))
}

// body is what add-checkpoint takes.
func (l *foreignLog) body(t testing.TB, old, size int64) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "old %d\n", old)
	if old > 0 && old <= size {
		p, err := tlog.ProveTree(size, old, tlog.HashReaderFunc(l.read))
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range p {
			b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
		}
	}
	return b.String() + "\n" + l.checkpoint(t, size)
}

// cosignedAt checks a signature line as tlog-cosignature says, and returns its time.
func cosignedAt(t testing.TB, vkey, text, line string) time.Time {
	t.Helper()
	part := strings.Split(vkey, "+")
	name, id, key64 := part[0], part[1], strings.Join(part[2:], "+")
	key, err := base64.StdEncoding.DecodeString(key64)
	if err != nil || len(key) != 33 || key[0] != 4 || fmt.Sprintf("%x", keyID(name, 4, key[1:])) != id {
		t.Fatalf("verifier key %q: %v", vkey, err)
	}
	b64, ok := strings.CutPrefix(line, "— "+name+" ")
	sig, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(b64, "\n"))
	if !ok || err != nil || !strings.HasSuffix(line, "\n") || len(sig) != 4+8+64 || !bytes.Equal(sig[:4], keyID(name, 4, key[1:])) {
		t.Fatalf("signature line %q: %v", line, err)
	}
	at := binary.BigEndian.Uint64(sig[4:])
	msg := "cosignature/v1\ntime " + strconv.FormatUint(at, 10) + "\n" + text
	if !ed25519.Verify(key[1:], []byte(msg), sig[12:]) {
		t.Fatalf("%q does not sign %q", line, text)
	}
	return time.Unix(int64(at), 0)
}

// service is a witness that answers.
type service struct {
	*Witness
	url string
	dir string
}

// startService makes a witness of logs in dir; empty: a new directory.
func startService(t testing.TB, dir string, logs ...string) *service {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	if _, err := Init(dir, "witness.example/w1"); err != nil {
		t.Fatal(err)
	}
	w, err := Open(Options{Dir: dir, Logs: logs, Talk: func(s string) { t.Log(s) }})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(w.Handler())
	t.Cleanup(func() { s.Close(); w.Close() })
	return &service{w, s.URL, dir}
}

// answer is what a service said.
type answer struct {
	status     int
	kind, body string
}

func (s *service) ask(t testing.TB, method, path, body string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, s.url+"/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{a.StatusCode, a.Header.Get("Content-Type"), string(b)}
}

func (s *service) add(t testing.TB, body string) answer {
	t.Helper()
	return s.ask(t, "POST", "add-checkpoint", body)
}

// wantSigned fails unless the service signs what l brings.
func (s *service) wantSigned(t testing.TB, l *foreignLog, old, size int64) {
	t.Helper()
	before := time.Now().Truncate(time.Second)
	a := s.add(t, l.body(t, old, size))
	if a.status != 200 {
		t.Fatalf("%d to %d: %+v", old, size, a)
	}
	at := cosignedAt(t, s.Key(), l.text(t, size), a.body)
	if at.Before(before) || at.After(time.Now()) {
		t.Errorf("signed at %v", at)
	}
}

// A log of somebody else is followed through every growth.
func TestForeignLogIsSigned(t *testing.T) {
	l := newForeignLog(t, "example.com/behind-the-sofa")
	s := startService(t, "", l.vkey())
	l.add(t, numbered(0, 300)...)
	old := int64(0)
	for _, size := range []int64{1, 1, 2, 3, 7, 8, 64, 65, 255, 256, 257, 300, 300} {
		s.wantSigned(t, l, old, size)
		old = size
	}
	sum := sha256.Sum256([]byte(l.origin))
	a := s.ask(t, "GET", fmt.Sprintf("%x/checkpoint", sum), "")
	note, line, _ := strings.Cut(a.body, "— "+"witness.example/w1")
	if a.status != 200 || note != l.checkpoint(t, 300) {
		t.Fatalf("%+v", a)
	}
	cosignedAt(t, s.Key(), l.text(t, 300), "— witness.example/w1"+line)
}

const (
	hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" // a line of a proof
	head = "example.com/log\n12\n"
)

// Each answer of the specification, on the request that asks for it.
func TestAnswersOfTheSpecification(t *testing.T) {
	l, other := newForeignLog(t, "example.com/log"), newForeignLog(t, "example.com/other")
	l.add(t, numbered(0, 20)...)
	other.add(t, numbered(0, 20)...)
	fork := &foreignLog{origin: l.origin, key: l.key}
	fork.add(t, numbered(100, 20)...)
	thief := newForeignLog(t, l.origin)
	thief.add(t, numbered(0, 20)...)
	s := startService(t, "", l.vkey())
	s.wantSigned(t, l, 0, 10)
	good := l.body(t, 10, 12)
	_, rest, _ := strings.Cut(good, "\n")
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"unknown origin":                   {other.body(t, 0, 5), 404},
		"key of another":                   {thief.body(t, 10, 12), 403},
		"signature damaged":                {strings.Replace(good, "\n— example.com/log ", "\n— example.com/log A", 1)[:len(good)-3] + "=\n", 400},
		"text changed after it was signed": {strings.Replace(good, head, "example.com/log\n13\n", 1), 403},
		"old above the size":               {l.body(t, 11, 9), 400},
		"old not as signed":                {l.body(t, 9, 12), 409},
		"old of nothing":                   {l.body(t, 0, 12), 409},
		"old checkpoint again":             {l.body(t, 5, 10), 409},
		"a proof too short":                {"old 10\n\n" + l.checkpoint(t, 12), 422},
		"a proof too long":                 {"old 10\n" + hash + rest, 422},
		"another history":                  {fork.body(t, 10, 12), 422},
		"another history, same size":       {"old 10\n\n" + fork.checkpoint(t, 10), 422},
		"the same with a proof":            {"old 10\n" + hash + "\n" + l.checkpoint(t, 10), 422},
		"nothing":                          {"", 400},
		"no checkpoint":                    {"old 10\n\n", 400},
		"no empty line":                    {"old 10\n" + l.checkpoint(t, 12), 400},
		"leading zero":                     {"old 010\n" + rest, 400},
		"plus":                             {"old +10\n" + rest, 400},
		"two spaces":                       {"old  10\n" + rest, 400},
		"no LF after old":                  {"old 10", 400},
		"CRLF":                             {strings.ReplaceAll(good, "\n", "\r\n"), 400},
		"a hash too short":                 {"old 10\nAAAA\n\n" + l.checkpoint(t, 12), 400},
		"64 hashes":                        {"old 10\n" + strings.Repeat(hash, 64) + "\n" + l.checkpoint(t, 12), 400},
		"63 hashes":                        {"old 10\n" + strings.Repeat(hash, 63) + "\n" + l.checkpoint(t, 12), 422},
		"not signed":                       {"old 10\n\n" + l.text(t, 12), 400},
		"text after the signatures":        {good + "more\n", 400},
		"too large":                        {good + strings.Repeat("— a "+strings.Repeat("A", 1000)+"\n", 200), 413},
		"a size of 2^63":                   {"old 10\n\n" + l.sign("example.com/log\n9223372036854775808\n"+hash), 422},
		"a root that is no hash":           {"old 10\n\n" + l.sign("example.com/log\n12\nAAAA\n"), 400},
	} {
		a := s.add(t, c.body)
		if a.status != c.status {
			t.Errorf("%s: %+v, want %d", name, a, c.status)
		}
		if c.status == 409 && (a.body != "10\n" || a.kind != "text/x.tlog.size") {
			t.Errorf("%s: %+v", name, a)
		}
		if strings.Contains(a.body, "— ") {
			t.Errorf("%s: signed all the same: %+v", name, a)
		}
	}
	s.wantSigned(t, l, 10, 12)
}

// Other methods than those of the specification are refused.
func TestOtherMethods(t *testing.T) {
	l := newForeignLog(t, "example.com/log")
	l.add(t, numbered(0, 5)...)
	s := startService(t, "", l.vkey())
	for _, m := range []string{"GET", "PUT", "DELETE"} {
		if a := s.ask(t, m, "add-checkpoint", l.body(t, 0, 5)); a.status != 405 {
			t.Errorf("%s: %+v", m, a)
		}
	}
	s.wantSigned(t, l, 0, 5)
}

// The first checkpoint of a log is taken as it is, an empty one too; then it is bound to that.
func TestFirstCheckpoint(t *testing.T) {
	l := newForeignLog(t, "example.com/log")
	s := startService(t, "", l.vkey())
	path := Hash(l.origin) + "/checkpoint"
	if a := s.ask(t, "GET", path, ""); a.status != 404 {
		t.Errorf("before anything was signed: %+v", a)
	}
	if a := s.add(t, "old 0\n\n"+l.sign("example.com/log\n0\n"+hash)); a.status != 422 {
		t.Errorf("an empty tree with a root: %+v", a)
	}
	l.add(t, numbered(0, 9)...)
	if a := s.add(t, "old 0\n"+hash+"\n"+l.checkpoint(t, 9)); a.status != 422 {
		t.Errorf("a proof for growth from nothing: %+v", a)
	}
	empty := sha256.Sum256(nil)
	text := "example.com/log\n0\n" + base64.StdEncoding.EncodeToString(empty[:]) + "\n"
	a := s.add(t, "old 0\n\n"+l.sign(text))
	if a.status != 200 {
		t.Fatalf("%+v", a)
	}
	cosignedAt(t, s.Key(), text, a.body)
	s.wantSigned(t, l, 0, 9)
	if a := s.add(t, l.body(t, 0, 9)); a.status != 409 || a.body != "9\n" {
		t.Errorf("%+v", a)
	}
}

// Signatures of others are passed over, and not kept.
func TestSignaturesOfOthersArePassedOver(t *testing.T) {
	l := newForeignLog(t, "example.com/log")
	s := startService(t, "", l.vkey())
	l.add(t, numbered(0, 5)...)
	stranger := "— somebody.example/else " + base64.StdEncoding.EncodeToString(make([]byte, 76)) + "\n"
	cp := strings.Replace(l.checkpoint(t, 5), "\n\n", "\n\n"+stranger, 1)
	if a := s.add(t, "old 0\n\n"+cp+stranger); a.status != 200 {
		t.Fatalf("%+v", a)
	}
	a := s.ask(t, "GET", Hash(l.origin)+"/checkpoint", "")
	if a.status != 200 || strings.Contains(a.body, "somebody") || !strings.HasPrefix(a.body, l.checkpoint(t, 5)) {
		t.Errorf("%+v", a)
	}
}

// Two histories are evidence, which is kept.
func TestForkIsKept(t *testing.T) {
	l := newForeignLog(t, "example.com/log")
	l.add(t, numbered(0, 5)...)
	fork := &foreignLog{origin: l.origin, key: l.key}
	fork.add(t, numbered(100, 5)...)
	s := startService(t, "", l.vkey())
	s.wantSigned(t, l, 0, 5)
	for range 2 {
		if a := s.add(t, fork.body(t, 5, 5)); a.status != 422 {
			t.Fatalf("%+v", a)
		}
	}
	kept, err := s.o.files.Read(Hash(l.origin) + forkSuffix)
	if err != nil || !strings.HasPrefix(string(kept), l.checkpoint(t, 5)) || !strings.HasSuffix(string(kept), fork.checkpoint(t, 5)) {
		t.Errorf("%q, %v", kept, err)
	}
}
