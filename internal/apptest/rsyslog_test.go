//go:build apps

package apptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"matterfs/audit"
	"matterfs/internal/as"
	"matterfs/internal/testca"
)

// rsyslogConf is what EXPORT.md tells people to use, with a queue that forgets nothing it has read when rsyslog is killed.
const rsyslogConf = `global(workDirectory="%[1]s" maxMessageSize="1m" defaultNetstreamDriver="gtls"
  defaultNetstreamDriverCAFile="%[2]s/ca.pem" defaultNetstreamDriverCertFile="%[2]s/server.pem" defaultNetstreamDriverKeyFile="%[2]s/server.key")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid" maxFrameSize="2000000")
template(name="record" type="string" string="%%msg%%\n")
ruleset(name="matterfs" queue.type="Direct") {
  if $app-name == "matterfs" and $structured-data contains "sequenceId" then action(type="omfile" file="%[1]s/records" template="record")
}
input(type="imtcp" address="127.0.0.1" port="%[3]d" ruleset="matterfs")
`

// exportSite is a log, a collector and an exporter between them.
type exportSite struct {
	*site
	ca        *testca.CA
	port      int
	log       *audit.Log
	n         int
	rsyslog   *exec.Cmd
	exporter  *exec.Cmd
	said      bytes.Buffer
	firm, out string
}

// TestRsyslog sends 20,000 records to a real rsyslog over TLS, both sides with certificates, while both are killed and started
// again. All arrive unchanged and in order, also those of more than 8 KiB.
func TestRsyslog(t *testing.T) {
	s := &exportSite{site: &site{t: t, tmp: as.Dir(t)}, ca: testca.New(t)}
	s.firm, s.out = filepath.Join(s.tmp, "log"), filepath.Join(s.tmp, "rsyslog", "records")
	s.ca.Issue("server", "127.0.0.1")
	s.ca.Issue("client")
	s.openLog()
	s.startRsyslog()
	s.startExporter()
	for i := 1; i <= 20; i++ {
		s.add(1000)
		switch i {
		case 5, 15:
			s.arrived(s.n - 500)
			s.end(s.rsyslog, map[int]syscall.Signal{5: syscall.SIGKILL, 15: syscall.SIGTERM}[i])
			s.add(1)
			s.startRsyslog()
		case 10:
			s.arrived(s.n - 500)
			s.end(s.exporter, syscall.SIGKILL)
			s.startExporter()
		}
	}
	s.arrived(s.n)
	s.end(s.exporter, syscall.SIGTERM)
	if code := s.exporter.ProcessState.ExitCode(); code != 0 || !strings.Contains(s.said.String(), fmt.Sprintf("the target has all up to record %d\n", s.n)) {
		t.Errorf("the exporter ended with %d and said\n%s", code, &s.said)
	}
	s.judge(2)
	// What is there already is not sent again.
	if said := s.command(s.export("--once", "--json")...); !strings.Contains(said, fmt.Sprintf(`"sent":0,"cursor":%d}`, s.n)) {
		t.Errorf("once more: %s", said)
	}
}

func (s *exportSite) openLog() {
	var err error
	s.log, err = audit.Open(audit.Options{Dir: s.firm, StateDir: filepath.Join(s.tmp, "state"), StoreID: strings.Repeat("5a", 16), Rotate: true, SegmentSize: 2 << 20})
	must(s.t, err)
	s.t.Cleanup(func() { must(s.t, s.log.Close()) })
}

// add writes records; each three hundredth is longer than many collectors expect.
func (s *exportSite) add(n int) {
	for range n {
		r := audit.Record{Ev: "open", Res: "ok", User: "zhang.wei", UID: 10021, HasUID: true, AUID: 10021, OUID: -1, Comm: "soffice.bin", Matter: "2026-0142",
			Path: fmt.Sprintf("证据/合同-%05d.docx", s.n), Rule: "member.lead", Flags: "r"}
		if s.n%300 == 0 {
			r.Path, r.Note = strings.Repeat("证据资料/", 300)+"终稿.docx", strings.Repeat("长", 3000)
		}
		seq, err := s.log.Append(&r)
		must(s.t, err)
		s.n = int(seq)
	}
}

func (s *exportSite) startRsyslog() {
	if s.port == 0 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(s.t, err)
		s.port = l.Addr().(*net.TCPAddr).Port
		must(s.t, l.Close())
	}
	dir := filepath.Dir(s.out)
	conf := filepath.Join(s.tmp, "rsyslog.conf")
	must(s.t, os.MkdirAll(dir, 0o700))
	s.write(conf, fmt.Sprintf(rsyslogConf, dir, s.ca.Dir, s.port))
	s.rsyslog = exec.Command("rsyslogd", "-n", "-iNONE", "-f", conf)
	var said bytes.Buffer
	s.rsyslog.Stdout, s.rsyslog.Stderr = &said, &said
	s.start(s.rsyslog)
	for range 300 {
		c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", s.port))
		if err == nil {
			must(s.t, c.Close())
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.t.Fatalf("rsyslog does not answer: %s", &said)
}

// export is the command line.
func (s *exportSite) export(more ...string) []string {
	bin := os.Getenv("MATTERFS_BIN")
	if bin == "" {
		s.t.Fatal("MATTERFS_BIN does not name the program to test; run make test-apps")
	}
	return append([]string{bin, "audit", "export", s.firm, "--to", fmt.Sprint("syslog+tls://127.0.0.1:", s.port), "--ca", s.ca.File(),
		"--cert", filepath.Join(s.ca.Dir, "client.pem"), "--key", filepath.Join(s.ca.Dir, "client.key"), "--cursor", filepath.Join(s.tmp, "cursor", "x")}, more...)
}

func (s *exportSite) startExporter() {
	line := s.export("--follow")
	s.exporter = exec.Command(line[0], line[1:]...)
	s.exporter.Stdout, s.exporter.Stderr = &s.said, &s.said
	s.start(s.exporter)
}

func (s *exportSite) start(c *exec.Cmd) {
	must(s.t, c.Start())
	s.t.Cleanup(func() { s.end(c, syscall.SIGKILL) })
}

// end ends a process unless it has ended.
func (s *exportSite) end(c *exec.Cmd, how syscall.Signal) {
	if c.ProcessState == nil {
		_ = c.Process.Signal(how)
		_ = c.Wait() // how it ended is for those to say who want to know
	}
}

// arrived waits until the collector has a record.
func (s *exportSite) arrived(seq int) {
	s.t.Helper()
	want := fmt.Appendf(nil, `{"seq":%d,`, seq)
	for range 1200 {
		if b, err := os.ReadFile(s.out); err == nil && bytes.Contains(b, want) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	b, _ := os.ReadFile(s.out)
	s.t.Fatalf("record %d does not arrive; %d lines have; the exporter says\n%s", seq, bytes.Count(b, []byte("\n")), &s.said)
}

// judge compares what the collector wrote with the log. Lines that a killed rsyslog wrote half of are no more than that happened.
func (s *exportSite) judge(torn int) {
	s.t.Helper()
	var want []string
	must(s.t, audit.ReadRecords(s.firm, func(b []byte, _ *audit.Parsed) error { want = append(want, string(b)); return nil }))
	b, err := os.ReadFile(s.out)
	must(s.t, err)
	next, long, again := 0, 0, 0
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSuffix(line, "\n")
		var r struct{ Seq int }
		if json.Unmarshal([]byte(line), &r) != nil {
			if torn--; torn < 0 {
				s.t.Fatalf("too many damaged lines: %.300q", line)
			}
			continue
		}
		switch {
		case r.Seq < 1 || r.Seq > len(want) || want[r.Seq-1] != line:
			s.t.Fatalf("record %d arrived changed: %.300q", r.Seq, line)
		case r.Seq > next+1:
			s.t.Fatalf("record %d came after record %d", r.Seq, next)
		case r.Seq <= next:
			again++
		}
		if next = r.Seq; len(line) > 8192 {
			long++
		}
	}
	if next != s.n || long < 60 {
		s.t.Errorf("the last record is %d of %d; %d were longer than 8 KiB", next, s.n, long)
	}
	s.t.Logf("%d records; a record came after its successor %d times", s.n, again)
}
