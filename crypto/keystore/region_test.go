package keystore

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"matterfs/crypto"
)

const childVariable = "KEYSTORE_TEST_CHILD"

// runChild hardens this process and tells what came of it.
func runChild() int {
	if err := HardenProcess(); err != nil {
		fmt.Println(err)
		return 1
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	var core unix.Rlimit
	err = errors.Join(err, unix.Getrlimit(unix.RLIMIT_CORE, &core))
	fmt.Printf("dumpable %d core %d %d error %v", dumpable, core.Cur, core.Max, err)
	return 0
}

func TestHardenProcess(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"=1")
	out, err := cmd.CombinedOutput()
	must(t, err)
	if string(out) != "dumpable 0 core 0 0 error <nil>" {
		t.Errorf("the child says %q", out)
	}
}

// flagsAt returns the VmFlags of the mapping that holds a key (proc(5), smaps).
func flagsAt(t *testing.T, key *crypto.Key) string {
	t.Helper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	must(t, err)
	at := uintptr(unsafe.Pointer(key))
	inside := false
	for line := range strings.Lines(string(smaps)) {
		var from, to uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			inside = from <= at && at < to
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && inside {
			return flags
		}
	}
	t.Fatal("the key is in no mapping")
	return ""
}

func TestKeysLieInLockedMemory(t *testing.T) {
	f := newFirm(t)
	k := f.open(t, f.asAdmin())
	_, err := k.Create("2026-0003")
	must(t, err)
	for _, key := range []*crypto.Key{k.master, secretOf(t, k, f.first), secretOf(t, k, k.Matters()["2026-0003"])} {
		flags := flagsAt(t, key)
		for _, want := range []string{" lo ", " dd ", " wf "} { // locked, not dumped, wiped on fork
			if !strings.Contains(flags, want) {
				t.Errorf("the mapping lacks%s: %s", want, flags)
			}
		}
	}
	if !k.Locked() {
		t.Error("Locked is false")
	}
}

func TestRegionKeepsKeysInPlace(t *testing.T) {
	r, err := newRegion(1000)
	must(t, err)
	defer r.release()
	var keys []*crypto.Key
	for {
		key, err := r.take()
		if errors.Is(err, ErrFull) {
			break
		}
		must(t, err)
		if *key != (crypto.Key{}) {
			t.Fatal("a fresh key is not zero")
		}
		keys = append(keys, key)
		key[0], key[31] = byte(len(keys)), byte(len(keys)>>8)
	}
	if len(keys) < 1000 {
		t.Fatalf("room for %d keys only", len(keys))
	}
	for i, key := range keys {
		if key[0] != byte(i+1) || key[31] != byte((i+1)>>8) {
			t.Fatalf("key %d was overwritten", i)
		}
	}
	r.wipe()
	for i, key := range keys {
		if *key != (crypto.Key{}) {
			t.Fatalf("key %d was not wiped", i)
		}
	}
}

// touch reports whether reading a key faults.
func touch(key *crypto.Key) (faults bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { faults = recover() != nil }()
	runtime.KeepAlive(key[0] == 1)
	return *key == crypto.Key{1}
}

func TestLateUseOfAKeyFaults(t *testing.T) {
	f := newFirm(t)
	k := f.open(t, f.asAdmin())
	key := secretOf(t, k, f.first)
	if touch(key) {
		t.Fatal("an open keystore's key faults")
	}
	k.Lock()
	if !touch(key) {
		t.Error("the key of a locked keystore can still be read")
	}
}

func TestGuardPagesFault(t *testing.T) {
	r, err := newRegion(1)
	must(t, err)
	defer r.release()
	page := os.Getpagesize()
	before := (*crypto.Key)(r.whole[page-keySize : page])
	after := (*crypto.Key)(r.whole[len(r.whole)-page : len(r.whole)-page+keySize])
	if !touch(before) || !touch(after) {
		t.Error("the pages around the keys can be read")
	}
}

// Without the right or room to lock memory everything works, and Locked says so.
func TestLockingMemoryMayFail(t *testing.T) {
	f := newFirm(t)
	var old unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_MEMLOCK, &old))
	done := make(chan error)
	go func() { // on a thread of its own, which ends with its capabilities
		runtime.LockOSThread()
		done <- withoutMemlock(old, func() error {
			k, err := Open(f.dir, f.asAdmin())
			if err != nil {
				return err
			}
			defer k.Lock()
			if k.Locked() {
				return errors.New("Locked is true")
			}
			_, err = k.Create("2026-0003")
			return err
		})
	}()
	must(t, <-done)
}

func withoutMemlock(old unix.Rlimit, f func() error) error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if err := unix.Capget(&hdr, &caps[0]); err != nil {
		return err
	}
	caps[0].Effective &^= 1 << unix.CAP_IPC_LOCK
	if err := unix.Capset(&hdr, &caps[0]); err != nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: 0, Max: old.Max}); err != nil {
		return err
	}
	defer unix.Setrlimit(unix.RLIMIT_MEMLOCK, &old)
	return f()
}
