package export

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestMessage compares messages with the grammar of RFC 5424, section 6.
func TestMessage(t *testing.T) {
	grammar := regexp.MustCompile(`^<(\d{1,3})>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z [!-~]{1,255} matterfs - [!-~]{1,32} \[origin software="matterfs"\]\[meta sequenceId="(\d{1,10})"\] (\{.*\})$`)
	for i, want := range []string{"110", "108", "107", "110", "110", "108", "110"} {
		l := parsed(t, samples()[i])
		b, err := formatter{Raw, "server"}.syslog(nil, l)
		m := grammar.FindSubmatch(b)
		if err != nil || m == nil || string(m[1]) != want || string(m[3]) != samples()[i] {
			t.Errorf("sample %d: %s, %v", i, b, err)
		}
	}
	l := parsed(t, samples()[0])
	for seq, want := range map[uint64]string{1: "1", 1<<31 - 1: "2147483647", 1 << 31: "1", 1<<64 - 1: "3"} {
		l.pos.seq = seq
		b, _ := formatter{Raw, "bad host\x00名"}.syslog(nil, l)
		if m := grammar.FindSubmatch(b); m == nil || string(m[2]) != want || !strings.Contains(string(b), "Z badhost matterfs") {
			t.Errorf("%d: %s", seq, b)
		}
	}
	l.rec.Ev = strings.Repeat("e", 40) + "\n"
	if b, _ := (formatter{Raw, ""}).syslog(nil, l); !strings.Contains(string(b), " - matterfs - "+strings.Repeat("e", 32)+" [") {
		t.Errorf("%s", b)
	}
}

func TestParseTarget(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"syslog+tls://log.example": "log.example:6514", "syslog+tls://[2001:db8::1]:99": "[2001:db8::1]:99", "syslog+tls://10.0.0.1:1/": "10.0.0.1:1",
		"syslog+tcp://127.0.0.1:601": "127.0.0.1:601", "syslog+tcp://127.8.8.8:601": "127.8.8.8:601", "syslog+tcp://[::1]:601": "[::1]:601",
	} {
		got, err := ParseTarget(text, TLS{})
		if err != nil || got.addr != want || got.String() != text || (got.tls == nil) != strings.HasPrefix(text, "syslog+tcp") {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if got.tls != nil && (got.tls.InsecureSkipVerify || got.tls.ServerName == "" || got.tls.MinVersion < 0x0303) {
			t.Errorf("%s: %+v", text, got.tls)
		}
	}
	for _, text := range []string{
		"", "x", "file:", "log.example:6514", "syslog://127.0.0.1:1", "udp://127.0.0.1:514", "http://127.0.0.1", "syslog+tls://", "syslog+tls://u:p@h:1", "syslog+tls://h/path", "syslog+tls://h?x=1",
		"syslog+tcp://127.0.0.1", "syslog+tcp://localhost:601", "syslog+tcp://10.0.0.1:601", "syslog+tcp://log.example:601", "syslog+tcp://0.0.0.0:601", "syslog+tcp://[::ffff:10.0.0.1]:601", "syslog+tcp://127.1:601", "\x00:",
	} {
		if got, err := ParseTarget(text, TLS{}); !is[*TargetError](err) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for text, o := range map[string]TLS{"file:/x": {CA: ca}, "syslog+tcp://127.0.0.1:1": {ServerName: "x"}, "syslog+tls://h:1": {CA: ca}, "syslog+tls://h:2": {Cert: ca, Key: ca}, "syslog+tls://h:3": {Cert: ca}} {
		if _, err := ParseTarget(text, o); !is[*TargetError](err) {
			t.Errorf("%s with %+v: %v", text, o, err)
		}
	}
	if _, err := ParseTarget("syslog+tls://h", TLS{CA: ca + "x"}); !os.IsNotExist(err) {
		t.Errorf("an authority that is not there: %v", err)
	}
	if _, err := ParseFormat("ocsf"); err == nil {
		t.Error("ocsf is a format")
	}
}

func is[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}
