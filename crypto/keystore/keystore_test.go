package keystore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unicode/utf16"

	"matterfs/crypto"
)

func TestEveryEnvelopeOpens(t *testing.T) {
	f := newFirm(t)
	for name, u := range map[string]Unlock{
		"admin":               {Identity: f.admin},
		"recovery":            {Identity: f.recovery},
		"passphrase":          {Passphrase: f.passphrase},
		"passphrase file":     {Passphrase: append(bytes.Clone(f.passphrase), "\r\n"...)},
		"windows identity":    {Identity: append([]byte("\xef\xbb\xbf"), bytes.ReplaceAll(f.admin, []byte("\n"), []byte("\r\n"))...)},
		"second line":         {Identity: append(otherIdentity(t), f.admin...)},
		"either":              {Identity: otherIdentity(t), Passphrase: f.passphrase},
		"wrong passphrase ok": {Identity: f.admin, Passphrase: []byte("wrong")},
	} {
		t.Run(name, func(t *testing.T) {
			k := f.open(t, u)
			want := map[string]crypto.ID{firstMatter: f.first, secondMatter: f.second}
			if got := k.Matters(); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("matters are %v, want %v", got, want)
			}
			_, matter, version, err := k.Key(f.second)
			if err != nil || matter != secondMatter || version != 1 {
				t.Errorf("key of the second matter: %q version %d, %v", matter, version, err)
			}
		})
	}
}

func otherIdentity(t testing.TB) []byte {
	t.Helper()
	id, _, err := GenerateIdentity()
	must(t, err)
	return id
}

func TestWrongSecretsOpenNothing(t *testing.T) {
	f := newFirm(t)
	both := Unlock{Identity: otherIdentity(t), Passphrase: []byte("wrong")}
	for _, c := range []struct {
		name string
		u    Unlock
		want error
	}{
		{"identity", Unlock{Identity: otherIdentity(t)}, ErrWrongIdentity},
		{"passphrase", Unlock{Passphrase: []byte("wrong")}, ErrWrongPassphrase},
		{"empty passphrase", Unlock{Passphrase: []byte("\n")}, ErrWrongPassphrase},
		{"nothing", Unlock{}, ErrWrongIdentity},
		{"empty identity", Unlock{Identity: []byte{}}, ErrWrongIdentity},
		{"comment only", Unlock{Identity: []byte("# none\n")}, ErrWrongIdentity},
		{"garbage", Unlock{Identity: []byte("SECRET-GARBAGE")}, ErrWrongIdentity},
		{"encrypted identity", Unlock{Identity: []byte("age-encryption.org/v1\n")}, ErrWrongIdentity},
		{"both: identity", both, ErrWrongIdentity},
		{"both: passphrase", both, ErrWrongPassphrase},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, err := Open(f.dir, c.u)
			wantErr(t, err, c.want)
			if k != nil || strings.Contains(err.Error(), "GARBAGE") {
				t.Errorf("keystore %v, error %v", k, err)
			}
		})
	}
}

func TestOnlyTheAskedForEnvelopesExist(t *testing.T) {
	f := people(t)
	k, err := Init(f.dir, InitOptions{Recovery: []string{f.recoveryKey}})
	must(t, err)
	k.Lock()
	_, err = Open(f.dir, f.asAdmin())
	wantErr(t, err, ErrWrongIdentity)
	_, err = Open(f.dir, Unlock{Passphrase: f.passphrase})
	wantErr(t, err, ErrWrongPassphrase)
	k, err = Open(f.dir, Unlock{Identity: f.recovery})
	must(t, err)
	defer k.Lock()
	if got := fmt.Sprint(k.Envelopes()); got != "[{recovery recovery.age [X25519] <nil>}]" {
		t.Errorf("envelopes: %s", got)
	}
}

func TestEnvelopesDescribeRecipients(t *testing.T) {
	f := newFirm(t)
	got := fmt.Sprint(f.open(t, f.asAdmin()).Envelopes())
	want := "[{admins admins.age [X25519] <nil>} {recovery recovery.age [X25519] <nil>} {passphrase passphrase.age [scrypt] <nil>}]"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNoKeystore(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "lost+found"), nil, 0o600))
	for _, d := range []string{dir, filepath.Join(dir, "none")} {
		_, err := Open(d, Unlock{Passphrase: []byte("x")})
		wantErr(t, err, ErrNoKeystore)
		_, err = ReadStoreID(d)
		wantErr(t, err, ErrNoKeystore)
	}
	_, err := Open(filepath.Join(dir, "lost+found"), Unlock{})
	if err == nil || errors.Is(err, ErrNoKeystore) {
		t.Errorf("a file instead of a directory: %v", err)
	}
}

func TestReadStoreID(t *testing.T) {
	f := newFirm(t)
	id, err := ReadStoreID(f.dir)
	must(t, err)
	if k := f.open(t, f.asAdmin()); id.IsZero() || id != k.StoreID() {
		t.Errorf("store id %s, open keystore says %s", id, k.StoreID())
	}
}

func TestCreate(t *testing.T) {
	f := newFirm(t)
	k := f.open(t, f.asAdmin())
	before := k.Head()
	id, err := k.Create("2026-0003 某某案")
	must(t, err)
	secret := *secretOf(t, k, id)
	if k.Head().Generation != before.Generation+1 || k.Head().Hash == before.Hash {
		t.Errorf("head went from %v to %v", before, k.Head())
	}
	_, err = k.Create(firstMatter)
	wantErr(t, err, ErrMatterExists)
	for _, bad := range []string{"", strings.Repeat("x", 256)} {
		_, err = k.Create(bad)
		wantErr(t, err, ErrMatterID)
	}
	_, _, _, err = k.Key(crypto.NewID())
	wantErr(t, err, ErrNoKey)
	again := f.open(t, f.asAdmin())
	if *secretOf(t, again, id) != secret || again.Matters()["2026-0003 某某案"] != id || again.Head() != k.Head() {
		t.Error("the new key is another one after opening again")
	}
}

func TestCreateAllIsAllOrNothing(t *testing.T) {
	f := newFirm(t)
	k := f.open(t, f.asAdmin())
	before := state(t, f.dir)
	_, err := k.CreateAll([]string{"a", "b", firstMatter})
	wantErr(t, err, ErrMatterExists)
	if state(t, f.dir) != before || len(k.Matters()) != 2 {
		t.Error("a refused CreateAll changed something")
	}
	ids, err := k.CreateAll([]string{"a", "b", "a"})
	must(t, err)
	if len(ids) != 2 || ids["a"] == ids["b"] || ids["a"] != k.Matters()["a"] {
		t.Errorf("CreateAll gave %v, matters are %v", ids, k.Matters())
	}
	if k.Head().Generation != 3 {
		t.Errorf("generation %d after Init and two changes", k.Head().Generation)
	}
	none, err := k.CreateAll(nil)
	if err != nil || len(none) != 0 || k.Head().Generation != 3 {
		t.Errorf("CreateAll of nothing: %v, %v", none, err)
	}
}

// Two open keystores stand for the daemon and a command; both write and read at once.
func TestConcurrentCreate(t *testing.T) {
	f := newFirm(t)
	stores := []*Keystore{f.open(t, f.asAdmin()), f.open(t, f.asAdmin())}
	var won [10]atomic.Int32
	var all sync.WaitGroup
	for i := range 40 {
		k, n := stores[i%2], i%len(won)
		all.Go(func() {
			id, err := k.Create(fmt.Sprintf("matter %d", n))
			if err != nil && !errors.Is(err, ErrMatterExists) {
				t.Error(err)
			}
			if err == nil {
				won[n].Add(1)
				secretOf(t, k, id)
			}
		})
		all.Go(func() {
			if *secretOf(t, k, f.first) != f.firstSecret {
				t.Error("a key changed while others were made")
			}
			_, _, _ = k.Head(), k.Matters(), k.Locked()
		})
	}
	all.Wait()
	k := f.open(t, f.asAdmin())
	for n := range won {
		if won[n].Load() != 1 {
			t.Errorf("matter %d was created %d times", n, won[n].Load())
		}
	}
	if len(k.Matters()) != 2+len(won) || len(k.Strays()) != 0 {
		t.Errorf("matters %v, strays %v", k.Matters(), k.Strays())
	}
}

func TestLock(t *testing.T) {
	f := newFirm(t)
	k := f.open(t, f.asAdmin())
	k.Lock()
	k.Lock()
	_, _, _, err := k.Key(f.first)
	wantErr(t, err, ErrLocked)
	_, err = k.Create("x")
	wantErr(t, err, ErrLocked)
	if k.StoreKey("store") != nil || len(k.Matters()) != 0 {
		t.Error("a locked keystore still gives keys")
	}
	if k.StoreID().IsZero() {
		t.Error("the store id is no secret")
	}
}

func TestStoreKeysDiffer(t *testing.T) {
	f := newFirm(t)
	k := f.open(t, f.asAdmin())
	seen := map[crypto.Key]string{*k.master: "master", f.firstSecret: "matter"}
	for _, purpose := range []string{"store", "state", "keystore/manifest", "keystore/matter/" + f.first.String()} {
		key := *k.StoreKey(purpose)
		if other, ok := seen[key]; ok {
			t.Errorf("StoreKey(%q) is the key of %s", purpose, other)
		}
		seen[key] = purpose
		if key == *crypto.DeriveKey(k.master, purpose) {
			t.Errorf("StoreKey(%q) is a key of the keystore itself", purpose)
		}
	}
}

func TestNoMatterIDOnDisk(t *testing.T) {
	f := people(t)
	k, err := Init(f.dir, f.options())
	must(t, err)
	defer k.Lock()
	const canary = "CANARY-甲公司诉乙公司"
	_, err = k.Create(canary)
	must(t, err)
	var wide []byte
	for _, u := range utf16.Encode([]rune("甲公司诉乙公司")) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	names := f.files(t)
	if len(names) != 6 {
		t.Fatalf("files: %q", names)
	}
	for _, name := range names {
		all := append([]byte(name), f.read(t, name)...)
		for _, part := range [][]byte{[]byte("CANARY"), []byte("甲公司"), wide, []byte(f.adminKey), f.passphrase} {
			if bytes.Contains(all, part) {
				t.Errorf("%s holds %q", name, part)
			}
		}
	}
}

// All key files have one length, whatever the matter id.
func TestKeyFilesHaveOneSize(t *testing.T) {
	f := newFirm(t)
	k := f.open(t, f.asAdmin())
	_, err := k.CreateAll([]string{"1", strings.Repeat("长", 85)})
	must(t, err)
	for _, name := range f.files(t) {
		if n := len(f.read(t, name)); strings.HasPrefix(name, mattersName) && n != 416 {
			t.Errorf("%s has %d bytes", name, n)
		}
	}
}

func TestNothingSecretPrints(t *testing.T) {
	f := newFirm(t)
	k := f.open(t, f.asAdmin())
	key := secretOf(t, k, f.first)
	u := Unlock{Identity: f.admin, Passphrase: f.passphrase}
	var out strings.Builder
	for _, v := range []any{k, u, &u, f.options(), key, *key, k.memory, []any{k, u}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		b, _ := json.Marshal(v)
		out.Write(b)
	}
	secrets := [][]byte{key[:], k.master[:], f.passphrase, []byte("AGE-SECRET-KEY-1")}
	for _, s := range secrets {
		for _, form := range []string{string(s), fmt.Sprintf("%x", s), fmt.Sprintf("%X", s), strings.Trim(fmt.Sprint(s), "[]"), fmt.Sprintf("%#v", s)} {
			if strings.Contains(out.String(), form) {
				t.Errorf("a secret is printed as %q", form)
			}
		}
	}
	if !strings.Contains(out.String(), k.StoreID().String()) {
		t.Error("a keystore prints without its store id")
	}
}
