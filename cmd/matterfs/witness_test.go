package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
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
	"matterfs/audit/witness"
)

// witnessOf serves a witness of the firm's log as a process of its own, and returns where and its key.
func witnessOf(t *testing.T, f *firm, dir string) (url, vkey string, end func() (code int)) {
	t.Helper()
	cmd := exec.Command("matterfs", "witness", "serve", dir, "--name", "witness.example/w1", "--listen", "127.0.0.1:0", "--key", filepath.Join(f.s.Log, audit.VKeyName))
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	var talk bytes.Buffer
	out, err := cmd.StdoutPipe()
	stderr, err2 := cmd.StderrPipe()
	if err = errors.Join(err, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	first, err := bufio.NewReader(stderr).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go talk.ReadFrom(stderr)
	line, err := bufio.NewReader(out).ReadString('\n')
	_, addr, ok := strings.Cut(first, "answers on ")
	if err != nil || !ok {
		t.Fatalf("%q %q, %v", first, line, err)
	}
	addr, _, _ = strings.Cut(addr, ",")
	ended := false
	end = func() int {
		if ended {
			return 0
		}
		ended = true
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		return cmd.ProcessState.ExitCode()
	}
	t.Cleanup(func() { end() })
	return "http://" + addr, strings.TrimSpace(line), end
}

func (f *firm) configure(t *testing.T, lines string) {
	t.Helper()
	b, err := os.ReadFile(f.s.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.s.Config, append(b, lines...), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A drive with a witness, from its first record to its end: what was recorded last is signed, status says so, and an auditor who has the
// copy of the log and the two keys sees it. Then the whole machine is brought back from before.
func TestDriveWithWitness(t *testing.T) {
	f := newFirm(t)
	url, vkey, end := witnessOf(t, f, filepath.Join(f.tmp, "witness"))
	f.configure(t, fmt.Sprintf("audit:\n  witness: %s\n  witness-key: %s\n", url, vkey))
	image := filepath.Join(f.tmp, "image")
	f.mount()
	if st := f.status(); st.Audit == nil || st.Audit.Witness == nil || st.Audit.Witness.Name != "witness.example/w1" || st.Audit.Witness.Error != "" {
		t.Errorf("status: %+v", st.Audit)
	}
	if out := f.must("status", f.s.Dir); !strings.Contains(out, "\nwitness   witness.example/w1 at "+url) {
		t.Error(out)
	}
	f.umount()
	if out, err := exec.Command("cp", "-a", f.s.Dir, image).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f.mount()
	f.umount()
	keys, err := os.ReadFile(filepath.Join(f.s.Log, audit.VKeyName))
	if err != nil {
		t.Fatal(err)
	}
	check := func(want int, level string, against ...string) *audit.Report {
		t.Helper()
		code, out, errs := f.exec(append([]string{"audit", "verify", f.s.Dir, "--json", "--key", strings.TrimSpace(string(keys)), "--witness", vkey}, against...)...)
		var rep audit.Report
		if err := json.Unmarshal([]byte(out), &rep); err != nil || code != want || rep.Level != level {
			t.Fatalf("code %d, %s: %v\n%s%s", code, rep.Level, err, out, errs)
		}
		return &rep
	}
	rep := check(0, audit.LevelWitness)
	if rep.KeptTo+1 != rep.LastSeq {
		t.Errorf("the end of the log is not signed: %d of %d", rep.KeptTo, rep.LastSeq)
	}
	kept := filepath.Join(f.tmp, "kept")
	f.must("audit", "checkpoint", "--cosigned", "--file", kept, f.s.Dir)
	if code := end(); code != 0 {
		t.Errorf("the witness ended with %d", code)
	}
	if err := errors.Join(os.RemoveAll(f.s.Dir), os.Rename(image, f.s.Dir)); err != nil {
		t.Fatal(err)
	}
	check(0, audit.LevelWitness)
	check(12, audit.LevelSeal, "--against", kept)
	url2, _, _ := witnessOf(t, f, filepath.Join(f.tmp, "witness"))
	b, err := os.ReadFile(f.s.Config)
	if err != nil {
		t.Fatal(err)
	}
	f.write(f.s.Config, strings.Replace(string(b), url, url2, 1))
	f.mount()
	f.umount()
	check(12, audit.LevelSeal, "--against", kept)
	if cosigned := mustRead(t, filepath.Join(f.s.Log, audit.CosignName)); bytes.Equal(cosigned, mustRead(t, kept)) {
		t.Error("the machine brought back has the newest signature")
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A witness that takes connections and never answers: the drive mounts, serves and ends.
func TestDriveWithHangingWitness(t *testing.T) {
	f := newFirm(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	vkey := strings.TrimSpace(f.must("witness", "init", filepath.Join(f.tmp, "w")))
	f.configure(t, fmt.Sprintf("audit:\n  witness: http://%s\n  witness-key: %s\n", l.Addr(), vkey))
	f.mount()
	f.user(leadUID).Writes(filepath.Join(f.mnt, "2026-0142", "合同.txt"), "甲乙")
	f.user(memberUID).Reads(filepath.Join(f.mnt, "2026-0142", "合同.txt"), "甲乙")
	f.umount()
	if code, _, errs := f.exec("audit", "verify", f.s.Dir); code != 0 {
		t.Error(errs)
	}
	if code, _, errs := f.exec("audit", "checkpoint", "--cosigned", f.s.Dir); code != 1 || !strings.Contains(errs, "no witness has signed") {
		t.Errorf("%d %s", code, errs)
	}
	if code, out, _ := f.exec("audit", "verify", "--witness", vkey, f.s.Dir); code != 12 || !strings.Contains(out, "witness: ") {
		t.Errorf("%d %s", code, out)
	}
}

// What is configured wrong is told before anything is opened, and names the file and the key.
func TestWitnessConfiguration(t *testing.T) {
	w := t.TempDir()
	vkey, err := witness.Init(w, "w")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		url, key string
		says     string // empty: it is right
	}{
		"none":              {"", "", ""},
		"here":              {"http://127.0.0.1:7380", vkey, ""},
		"elsewhere":         {"https://w.example/x", vkey, ""},
		"in clear":          {"http://w.example", vkey, "audit.witness: \"http://w.example\": a witness on another machine is asked by https only"},
		"no key":            {"https://w.example", "", "audit.witness-key go together"},
		"no URL":            {"", vkey, "audit.witness-key go together"},
		"key of a log":      {"https://w.example", "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "is no verifier key of a witness"},
		"key cut":           {"https://w.example", vkey[:len(vkey)-2], "is no verifier key of a witness"},
		"name of the other": {"https://w.example", "x" + vkey, "is no verifier key of a witness"},
	} {
		err := (&settings{Config: "matterfs.yaml", Witness: c.url, WitnessKey: c.key}).checkWitness()
		switch bad := (*usageError)(nil); {
		case c.says == "" && err != nil, c.says != "" && (!errors.As(err, &bad) || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "matterfs.yaml: audit.witness")):
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Status warns of a fork as of what makes the drive degraded, and of silence.
func TestWitnessWarnings(t *testing.T) {
	now := time.Now()
	old := now.Add(-2 * time.Hour)
	for name, c := range map[string]struct {
		st   *witness.State
		code string
		bad  bool
	}{
		"none":         {nil, "", false},
		"signs":        {&witness.State{Since: old, Time: now}, "", false},
		"just begun":   {&witness.State{Since: now, Error: "no route"}, "", false},
		"silent":       {&witness.State{Since: old, Time: old, Error: "no route"}, "witness.late", false},
		"never signed": {&witness.State{Since: old}, "witness.late", false},
		"fork":         {&witness.State{Since: now, Time: now, Fork: true, Error: "409"}, "witness.fork", true},
	} {
		list := witnessWarnings(c.st, now)
		if len(list) == 0 && c.code == "" {
			continue
		}
		if len(list) != 1 || list[0].Code != c.code || list[0].bad != c.bad || list[0].text(zh) == list[0].text(en) || strings.Contains(list[0].text(en), "%!") {
			t.Errorf("%s: %+v", name, list)
		}
	}
}

// A witness answers in clear for this machine only, and ends with 0 when it is told to.
func TestWitnessServeRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, args := range map[string][]string{
		"all addresses in clear": {"--listen", ":0", "--key", "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"},
		"no key":                 {},
		"a key that is none":     {"--key", "a+b+c"},
		"half of TLS":            {"--key", "a+b+c", "--tls-cert", "x"},
	} {
		var out, errs bytes.Buffer
		if code := run(append([]string{"witness", "serve", dir}, args...), os.Stdin, &out, &errs); code != exitUsage {
			t.Errorf("%s: %d %s", name, code, errs.String())
		}
	}
}
