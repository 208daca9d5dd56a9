package fs

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"matterfs/crypto/store"
	"matterfs/internal/as"
)

// haltIn stops the next look at the clock or at the backing disk that a function makes, and
// what that function calls; others pass.
type haltIn struct {
	halt
	function string
}

func (h *haltIn) pass() {
	pc := make([]uintptr, 32)
	frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc)])
	for more := true; more; {
		var f runtime.Frame
		if f, more = frames.Next(); strings.HasSuffix(f.Function, h.function) {
			h.halt.pass()
			return
		}
	}
}

func (h *haltIn) now() time.Time { h.pass(); return time.Now() }

// while makes a call through the kernel, stops it in the drive, does something and lets it go on.
func (h *haltIn) while(call func() string, do func()) string {
	h.armed.Store(true)
	said := make(chan string, 1)
	go func() { said <- call() }()
	select {
	case <-h.reached:
	case <-time.After(time.Minute):
		h.armed.Store(false)
		return "the call was not stopped"
	}
	do()
	h.goOn <- struct{}{}
	return <-said
}

func newHaltIn(function string) *haltIn { return &haltIn{*newHalt(), function} }

// A read that was decided for a place below the reader's clearance does not answer what was
// put into the file after it moved above.
func TestAttackByMoveDuringRead(t *testing.T) {
	h := newHaltIn(".allowHandle")
	d := setup{now: h.now}.mount(t)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	lead.Does(lead.Mkdir(d.in("鉴定")))
	for _, w := range []without{{checks: checkMoved}, {}} {
		name := fmt.Sprint("笔录", w.checks)
		lead.Writes(d.in(name), "公开")
		writer := lead.Opens(d.in(name), os.O_RDWR, 0)
		f := member.Opens(d.in(name), os.O_RDONLY, 0)
		_, err := f.ReadAt(0, 1)
		member.Does(err)
		d.srv.fs.off.set(w)
		got := h.while(func() string { b, err := f.ReadAt(0, 100); return outcome(string(b), err) }, func() {
			lead.Does(lead.Rename(d.in(name), d.in("鉴定/"+name)))
			_, err := writer.WriteAt([]byte(secret), 0)
			lead.Does(err)
		})
		d.srv.fs.off.set(without{})
		want := "ENOENT"
		if w.checks != 0 {
			want = secret
		}
		if got != want {
			t.Errorf("with checks %b off the member reads %q, want %q", w.checks, got, want)
		}
		lead.Does(writer.Close())
		member.Does(f.Close())
	}
	d.logged("ev", "read", "res", "deny", "uid", lina, "rule", "level.clearance", "path", "鉴定/笔录0")
}

// The same for a copy inside the kernel to a document that stays where the member sees it.
func TestAttackByMoveDuringCopy(t *testing.T) {
	h := newHaltIn(".copyRead")
	d := setup{now: h.now}.mount(t)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	lead.Does(lead.Mkdir(d.in("鉴定")))
	for _, w := range []without{{checks: checkMoved}, {}} {
		name := fmt.Sprint("笔录", w.checks)
		lead.Writes(d.in(name), "公开原文") // as long as what follows: the kernel asks for no more
		member.Writes(d.in("抄"+name), "")
		writer := lead.Opens(d.in(name), os.O_RDWR, 0)
		from, to := member.Opens(d.in(name), os.O_RDONLY, 0), member.Opens(d.in("抄"+name), os.O_RDWR, 0)
		d.srv.fs.off.set(w)
		got := h.while(func() string { return tries(t, member, []*as.File{from, to}, "copy-range") }, func() {
			lead.Does(lead.Rename(d.in(name), d.in("鉴定/"+name)))
			_, err := writer.WriteAt([]byte(secret), 0)
			lead.Does(err)
		})
		d.srv.fs.off.set(without{})
		said, copied := "ENOENT", ""
		if w.checks != 0 {
			said, copied = fmt.Sprint(len(secret)), secret
		}
		if got != said {
			t.Errorf("with checks %b off the copy says %q, want %q", w.checks, got, said)
		}
		lead.Reads(d.in("抄"+name), copied)
		lead.Does(writer.Close())
		member.Does(errors.Join(from.Close(), to.Close()))
	}
	d.logged("ev", "read", "res", "deny", "uid", lina, "rule", "level.clearance", "path", "鉴定/笔录0")
}

// A read that was under way when the policy changed does not answer under the old one, also
// when its bytes had been fetched.
func TestAttackByPolicyDuringRead(t *testing.T) {
	for _, where := range []string{".allowHandle", ".ReadAt"} {
		h := newHaltIn(where)
		hook := func(string) error { h.pass(); return nil }
		d := setup{now: h.now, disk: func(d store.Disk) store.Disk { return hookedDisk{d, hook} }}.mount(t)
		lead, member := as.Start(t, zhang), as.Start(t, lina)
		lead.Writes(d.in("合同"), secret)
		in, out := parse(t, firm()), parse(t, dismissed())
		for _, w := range []without{{checks: checkEnded}, {}} {
			f := member.Opens(d.in("合同"), os.O_RDONLY, 0)
			d.srv.fs.off.set(w)
			got := h.while(func() string { b, err := f.ReadAt(0, 100); return outcome(string(b), err) }, func() { d.srv.SetPolicy(out) })
			d.srv.fs.off.set(without{})
			want := "ENOENT"
			if w.checks != 0 {
				want = secret
			}
			if got != want {
				t.Errorf("stopped in %s, with checks %b off, the member reads %q, want %q", where, w.checks, got, want)
			}
			d.srv.SetPolicy(in)
			member.Does(f.Close())
		}
		d.logged("ev", "read", "res", "deny", "uid", lina, "rule", "member.none", "path", "合同")
	}
}

// The same for an open.
func TestAttackByPolicyDuringOpen(t *testing.T) {
	h := newHaltIn(".open")
	d := setup{now: h.now}.mount(t)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	in, out := parse(t, firm()), parse(t, dismissed())
	for _, w := range []without{{checks: checkEnded}, {}} {
		lead.Writes(d.in("合同"), secret)
		d.srv.fs.off.set(w)
		got := h.while(func() string {
			f, err := member.Open(d.in("合同"), os.O_RDONLY, 0)
			if err == nil {
				err = f.Close()
			}
			return outcome("opened", err)
		}, func() { d.srv.SetPolicy(out) })
		d.srv.fs.off.set(without{})
		want := "ENOENT"
		if w.checks != 0 {
			want = "opened"
		}
		if got != want {
			t.Errorf("with checks %b off the open says %q, want %q", w.checks, got, want)
		}
		d.srv.SetPolicy(in)
	}
	d.logged("ev", "open", "res", "deny", "uid", lina, "rule", "member.none", "path", "合同")
}

// watchFor is a program: it opens and reads paths again and again, until there is a file of
// the name that the first argument gives, and fails when it ever reads the secret.
func watchFor(args []string) error {
	reads := 0
	for {
		for _, p := range args[1:] {
			got, err := readPath(p)
			if strings.Contains(got, secret) {
				return fmt.Errorf("%s gave %q after %d reads", p, got, reads)
			}
			if err == nil {
				reads++
			}
		}
		if _, err := os.Stat(args[0]); err == nil {
			fmt.Print(reads)
			return nil
		}
	}
}

func readPath(path string) (string, error) {
	fd, err := unix.Open(path, unix.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	got, err := pread(fd)
	return got, errors.Join(err, unix.Close(fd))
}

// Whoever opens in a loop while a folder moves above their clearance, or a document is renamed
// over one there, reads nothing that was written above it.
func TestAttackByOpeningDuringMoves(t *testing.T) {
	d := mountFirm(t)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	lead.Does(lead.Mkdir(d.in("鉴定")))
	stop := as.Dir(t) + "/halt"
	var wg sync.WaitGroup
	wg.Go(func() {
		reads := runs(t, member, "watch-for", stop, d.in("卷/笔录"), d.in("鉴定/卷/笔录"), d.in("单页"), d.in("鉴定/单页"))
		t.Logf("%s reads of the open versions", reads)
	})
	for i := range 40 {
		lead.Does(lead.Mkdir(d.in("卷")))
		lead.Writes(d.in("卷/笔录"), "公开")
		lead.Writes(d.in("单页"), "公开")
		lead.Does(lead.Rename(d.in("卷"), d.in("鉴定/卷")))
		lead.Does(lead.WriteFile(d.in("鉴定/卷/笔录"), []byte(secret)))
		lead.Does(lead.Rename(d.in("单页"), d.in("鉴定/单页")))
		lead.Does(lead.WriteFile(d.in("鉴定/单页"), []byte(secret)))
		lead.Does(lead.Rename(d.in("鉴定/卷"), d.in(fmt.Sprint("鉴定/卷", i))))
	}
	lead.Does(os.WriteFile(stop, nil, 0o644))
	wg.Wait()
	d.logged("res", "deny", "uid", lina, "rule", "level.clearance")
}

// Numbers of deleted documents do not come back for others: neither inode numbers, by which
// programs tell files apart, nor what an open descriptor means.
func TestAttackByNumberReuse(t *testing.T) {
	d := mountFirm(t)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	lead.Writes(d.in("旧"), "旧内容")
	f := member.Opens(d.in("旧"), os.O_RDONLY, 0)
	seen := map[uint64]string{}
	for i := range 60 {
		p := d.in(fmt.Sprint(i))
		if i%2 == 1 {
			p = fmt.Sprintf("%s/%s/%d", d.mnt, matter2, i)
		}
		lead.Writes(p, secret)
		st, err := lead.Stat(p)
		lead.Does(err)
		if was := seen[st.Ino]; was != "" {
			t.Errorf("%s has the number of %s, which is deleted", p, was)
		}
		seen[st.Ino] = p
		if i == 0 {
			lead.Does(lead.Remove(d.in("旧")))
		}
		lead.Does(lead.Remove(p))
		if b, err := f.ReadAt(0, 100); err != nil || string(b) != "旧内容" {
			t.Fatalf("after %d documents came and went the descriptor reads %q, %v", i, b, err)
		}
	}
	member.Does(f.Close())
}
