package keystore

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/minio/sio"

	"matterfs/crypto"
)

// secretsFor returns the secrets that a flip in this file is tried with: the one that
// opens the file, and the admin's, who meets it only through the manifest.
func (f *firm) secretsFor(name string) []Unlock {
	switch name {
	case "recovery.age":
		return []Unlock{f.asAdmin(), {Identity: f.recovery}}
	case "passphrase.age":
		return []Unlock{f.asAdmin(), {Passphrase: f.passphrase}}
	}
	return []Unlock{f.asAdmin()}
}

// wantRefused checks that a changed keystore does not open.
func (f *firm) wantRefused(t *testing.T, name string, b []byte, what string, at int) {
	t.Helper()
	f.write(t, name, b)
	if name == manifestName && at%64 != 0 { // it is long: mostly the part of Open that reads it
		if _, _, err := f.running.readList(); err == nil {
			t.Fatalf("%s: is accepted with %s at byte %d", name, what, at)
		}
		return
	}
	for _, u := range f.secretsFor(name) {
		k, err := Open(f.dir, u)
		if err == nil {
			k.Lock()
			t.Fatalf("%s: opens with %s at byte %d", name, what, at)
		}
	}
}

func TestEveryFlippedBitIsRefused(t *testing.T) {
	base := newFirm(t)
	for _, name := range base.files(t) {
		t.Run(strings.ReplaceAll(name, "/", "-"), func(t *testing.T) {
			t.Parallel()
			f := base.copied(t)
			f.running = f.open(t, f.asAdmin())
			whole := f.read(t, name)
			for i := range whole {
				b := bytes.Clone(whole)
				b[i] ^= 1 << (i % 8)
				f.wantRefused(t, name, b, "a flipped bit", i)
			}
			f.write(t, name, whole)
			f.open(t, f.asAdmin())
		})
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	base := newFirm(t)
	for _, name := range base.files(t) {
		t.Run(strings.ReplaceAll(name, "/", "-"), func(t *testing.T) {
			t.Parallel()
			f := base.copied(t)
			f.running = f.open(t, f.asAdmin())
			whole := f.read(t, name)
			for n := range whole {
				f.wantRefused(t, name, whole[:n], "a cut", n)
			}
			f.wantRefused(t, name, append(bytes.Clone(whole), 0), "one byte more", len(whole))
			f.wantRefused(t, name, append(bytes.Clone(whole), whole...), "all bytes twice", len(whole))
			must(t, os.Remove(f.path(name)))
			for _, u := range f.secretsFor(name) {
				if _, err := Open(f.dir, u); err == nil {
					t.Errorf("opens without %s", name)
				}
			}
		})
	}
}

func TestDamageNamesFileAndWayOut(t *testing.T) {
	base := newFirm(t)
	for _, name := range []string{headerName, manifestName, "passphrase.age", "recovery.age", keyFile(base.first)} {
		f := base.copied(t)
		b := f.read(t, name)
		b[len(b)-1] ^= 1
		f.write(t, name, b)
		_, err := Open(f.dir, f.asAdmin())
		wantDamage(t, err, name)
		must(t, os.Remove(f.path(name)))
		_, err = Open(f.dir, f.asAdmin())
		wantDamage(t, err, name)
	}
	f := base.copied(t)
	must(t, os.RemoveAll(f.path(mattersName)))
	_, err := Open(f.dir, f.asAdmin())
	wantDamage(t, err, keyFile(f.first))
	if !strings.Contains(err.Error(), firstMatter) {
		t.Errorf("the error does not name the matter: %v", err)
	}
}

func TestMissingDirectoryOfMatters(t *testing.T) {
	f := people(t)
	k, err := Init(f.dir, f.options())
	must(t, err)
	k.Lock()
	must(t, os.Remove(f.path(mattersName)))
	_, err = Open(f.dir, f.asAdmin())
	wantDamage(t, err, mattersName)
}

// The damage of one envelope must not make the others useless.
func TestSalvage(t *testing.T) {
	f := newFirm(t)
	f.write(t, "admins.age", []byte("garbage"))
	must(t, os.Remove(f.path("passphrase.age")))
	u := Unlock{Identity: f.recovery}
	_, err := Open(f.dir, u)
	wantDamage(t, err, "admins.age")
	u.Salvage = true
	infos := f.open(t, u).Envelopes()
	if len(infos) != 3 {
		t.Fatalf("envelopes: %v", infos)
	}
	wantDamage(t, infos[0].Err, "admins.age")
	wantDamage(t, infos[2].Err, "passphrase.age")
	if infos[1].Err != nil {
		t.Errorf("the whole envelope is reported as %v", infos[1].Err)
	}
	b := f.read(t, manifestName)
	b[100] ^= 1
	f.write(t, manifestName, b)
	_, err = Open(f.dir, u)
	wantDamage(t, err, manifestName)
}

func (f *firm) swap(t *testing.T, a, b string) {
	t.Helper()
	x, y := f.read(t, a), f.read(t, b)
	f.write(t, a, y)
	f.write(t, b, x)
}

func TestSwappedFiles(t *testing.T) {
	base := newFirm(t)
	for _, c := range []struct {
		a, b  string
		named string
		u     Unlock
	}{
		{keyFile(base.first), keyFile(base.second), keyFile(base.first), base.asAdmin()},
		{"admins.age", "recovery.age", "admins.age", base.asAdmin()},
		{"admins.age", "passphrase.age", "admins.age", base.asAdmin()},
		{"recovery.age", "passphrase.age", "passphrase.age", Unlock{Passphrase: base.passphrase}},
		{manifestName, keyFile(base.first), manifestName, base.asAdmin()},
	} {
		f := base.copied(t)
		f.swap(t, c.a, c.b)
		_, err := Open(f.dir, c.u)
		wantDamage(t, err, c.named)
	}
}

// Every file of another keystore of the same people is refused, alone or with more.
func TestFilesOfAnotherStore(t *testing.T) {
	base := newFirm(t)
	other := *base
	other.dir += "-other"
	k, err := Init(other.dir, other.options())
	must(t, err)
	ids, err := k.CreateAll([]string{firstMatter, secondMatter})
	must(t, err)
	k.Lock()
	take := func(f *firm, from, to string) { f.write(t, to, other.read(t, from)) }
	for _, names := range [][]string{{headerName}, {manifestName}, {"admins.age"}, {"recovery.age"}, {"passphrase.age"},
		{headerName, "admins.age"}, {headerName, manifestName}, {"admins.age", manifestName}, {headerName, "admins.age", "recovery.age", "passphrase.age"}} {
		f := base.copied(t)
		for _, name := range names {
			take(f, name, name)
		}
		var damaged *DamagedError
		if _, err := Open(f.dir, f.asAdmin()); !errors.As(err, &damaged) {
			t.Errorf("with %v of another store: %v", names, err)
		}
	}
	f := base.copied(t)
	take(f, keyFile(ids[firstMatter]), keyFile(f.first))
	_, err = Open(f.dir, f.asAdmin())
	wantDamage(t, err, keyFile(f.first))

	f = base.copied(t)
	take(f, keyFile(ids[firstMatter]), keyFile(ids[firstMatter])) // beside our own: a stray
	k = f.open(t, f.asAdmin())
	if s := k.Strays(); len(s) != 1 || s[0].File != keyFile(ids[firstMatter]) {
		t.Errorf("strays: %v", s)
	}
	_, _, _, err = k.Key(ids[firstMatter])
	wantErr(t, err, ErrNoKey)
}

// An envelope may hold a master key of another generation or store with a right
// hash only if the manifest was written for it; the blob itself is checked first.
func TestEnvelopeAgainstHeader(t *testing.T) {
	f := newFirm(t)
	k := f.open(t, f.asAdmin())
	to, err := f.options().recipients()
	must(t, err)
	for _, blob := range []masterBlob{
		{store: crypto.NewID(), generation: 1, key: k.master},
		{store: k.head.id, generation: 2, key: k.master},
	} {
		b, err := sealEnvelope(blob, to[adminsEnvelope])
		must(t, err)
		f.write(t, "admins.age", b)
		u := f.asAdmin()
		u.Salvage = true
		_, err = Open(f.dir, u)
		wantDamage(t, err, "admins.age")
	}
}

// What a key file or manifest says of itself is checked also where it authenticates.
func TestSealedFactsAreChecked(t *testing.T) {
	base := newFirm(t)
	k := base.open(t, base.asAdmin())
	at := crypto.NewID()
	for _, m := range []matterBlob{
		{store: crypto.NewID(), id: at},
		{store: k.head.id, id: crypto.NewID()},
	} {
		f := base.copied(t)
		m.matter, m.version, m.key = "2026-0003", 1, crypto.NewKey()
		b, err := seal(k.master, matterPurpose(at), m.marshal())
		must(t, err)
		f.write(t, keyFile(at), b)
		if got := f.open(t, f.asAdmin()); len(got.Strays()) != 1 || len(got.Matters()) != 2 {
			t.Errorf("strays %v, matters %v", got.Strays(), got.Matters())
		}
	}
	for _, change := range []func(l *list){
		func(l *list) { l.store = crypto.NewID() },
		func(l *list) { l.master++ },
	} {
		f := base.copied(t)
		f.writeList(t, change)
		_, err := Open(f.dir, f.asAdmin())
		wantDamage(t, err, manifestName)
	}
}

// sio's defaults would open both.
func TestOtherDareStreamsAreRefused(t *testing.T) {
	master := crypto.NewKey()
	for name, change := range map[string]func(c *sio.Config){
		"version 1": func(c *sio.Config) { c.MinVersion, c.MaxVersion = sio.Version10, sio.Version10 },
		"ChaCha20":  func(c *sio.Config) { c.CipherSuites = []byte{sio.CHACHA20_POLY1305} },
	} {
		config := dare(crypto.DeriveKey(master, manifestPurpose))
		change(&config)
		var sealed bytes.Buffer
		_, err := sio.Encrypt(&sealed, strings.NewReader("plaintext"), config)
		must(t, err)
		if got, err := unseal(master, manifestPurpose, sealed.Bytes()); err == nil {
			t.Errorf("a stream of %s opens as %q", name, got)
		}
	}
}

// An exchanged passphrase.age must not cost gigabytes before it is refused.
func TestWorkFactorIsBounded(t *testing.T) {
	f := newFirm(t)
	b := f.read(t, "passphrase.age")
	first, rest, _ := bytes.Cut(b, []byte(" 2\n"))
	f.write(t, "passphrase.age", slices.Concat(first, []byte(" 21\n"), rest))
	_, err := Open(f.dir, Unlock{Passphrase: f.passphrase})
	wantDamage(t, err, "passphrase.age")
	if !strings.Contains(errors.Unwrap(err).Error(), "too large") {
		t.Errorf("refused for another reason: %v", errors.Unwrap(err))
	}
}

func TestGarbageAmongMatters(t *testing.T) {
	f := newFirm(t)
	before := f.open(t, f.asAdmin()).Head()
	id := crypto.NewID()
	f.write(t, mattersName+"/notes.txt", []byte("x"))
	f.write(t, mattersName+"/.tmp", []byte("left by a crash"))
	f.write(t, keyFile(id), []byte("x"))
	f.write(t, mattersName+"/"+strings.ToUpper(f.first.String()), f.read(t, keyFile(f.first)))
	must(t, os.Mkdir(f.path(keyFile(crypto.NewID())), 0o700))
	k := f.open(t, f.asAdmin())
	if len(k.Strays()) != 4 || len(k.Matters()) != 2 || k.Head() != before {
		t.Errorf("strays %v, matters %v", k.Strays(), k.Matters())
	}
	_, err := k.Create("2026-0003")
	must(t, err)
}
