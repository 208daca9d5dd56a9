package store_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"matterfs/crypto"
	"matterfs/crypto/store"
	"matterfs/internal/crashdisk"
)

// samples are all trees, what is expected of them, and their keys.
func samples(t *testing.T) (trees map[string]image, ex map[string]*expectation, k *sampleKeys) {
	t.Helper()
	loadJSON(t, "expected.json", &ex)
	trees = map[string]image{}
	for name := range ex {
		trees[name] = loadImage(t, name)
	}
	return trees, ex, loadKeys(t)
}

// Each sample tree is read as ever, on a disk in memory.
func TestSamples(t *testing.T) {
	trees, ex, k := samples(t)
	for _, want := range []string{"good", "older", "journal", "journal-older", "moving"} {
		if ex[want] == nil || len(ex[want].Facts) < 15 {
			t.Fatalf("sample %q is not there", want)
		}
	}
	for name, im := range trees {
		got, told, err := k.read(t, im)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, line := range diff(got, ex[name].Facts) {
			t.Errorf("%s: %s", name, line)
		}
		if !slices.Equal(told, ex[name].Told) {
			t.Errorf("%s: recovery tells %q, want %q", name, told, ex[name].Told)
		}
	}
}

// In good trees, and in those that a kill left, nothing is refused.
func TestSamplesAreGood(t *testing.T) {
	_, ex, _ := samples(t)
	for name, e := range ex {
		for _, f := range e.Facts {
			if f.Fails != "" {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}

// A tree from then can be written to now, on a real disk.
func TestSampleOnDisk(t *testing.T) {
	trees, ex, k := samples(t)
	for _, name := range []string{"good", "journal"} {
		open := func(dir string) *store.Store {
			d, err := store.OpenOSDisk(dir)
			need(t, err)
			s, err := k.open(d, nil)
			need(t, err)
			return s
		}
		dir := t.TempDir()
		d, err := store.OpenOSDisk(dir)
		need(t, err)
		trees[name].put(t, d)
		s := open(dir)
		for _, line := range diff(facts(s), ex[name].Facts) {
			t.Errorf("%s: %s", name, line)
		}
		for _, m := range s.Matters() {
			overwrite(t, m.Root, "合同.docx")
		}
		need(t, s.Close())
		s = open(dir)
		for _, m := range s.Matters() {
			o, err := m.Root.Lookup("合同.docx")
			need(t, err)
			p, err := contentOf(o, 9192)
			if err != nil || !strings.HasPrefix(string(p), "全新的内容") {
				t.Errorf("%s: read back %.20q, %v", name, p, err)
			}
			o.Release()
		}
		need(t, s.Close())
	}
}

func overwrite(t *testing.T, d *store.Object, name string) {
	t.Helper()
	o, err := d.Lookup(name)
	need(t, err)
	defer o.Release()
	h, err := o.Open(true)
	need(t, err)
	_, err = h.WriteAt([]byte("全新的内容"), 0)
	need(t, errors.Join(err, h.Sync(), h.Close()))
}

// Each attack on a sample is met as ever.
func TestBrokenSamples(t *testing.T) {
	trees, ex, k := samples(t)
	for _, b := range brokenRows(t) {
		t.Run(b.Name, func(t *testing.T) {
			got, told, err := b.run(t, k, trees)
			if err != nil {
				if causeOf(err) != b.Store {
					t.Errorf("the store: %v, want %q", err, b.Store)
				}
				return
			}
			if b.Store != "" {
				t.Fatal("the store opens")
			}
			for _, line := range diff(got, b.expected(ex[b.Tree].Facts)) {
				t.Error(line)
			}
			if !slices.Equal(told, b.Told) {
				t.Errorf("recovery tells %q, want %q", told, b.Told)
			}
		})
	}
}

func brokenRows(t *testing.T) []brokenSample {
	t.Helper()
	var rows []brokenSample
	loadJSON(t, "broken.json", &rows)
	if len(rows) < 90 {
		t.Fatalf("only %d broken samples", len(rows))
	}
	return rows
}

// The table of broken samples may serve something else than what was there only
// where it says "unnoticed", or of a journal; all else is refused. This keeps
// people from freezing a defect.
func TestBrokenSamplesAreRefused(t *testing.T) {
	_, ex, _ := samples(t)
	for _, b := range brokenRows(t) {
		for _, f := range b.Expect {
			if f.Fails == "" && !b.mayServe(f, ex) {
				t.Errorf("%s: serves %+v", b.Name, f)
			}
		}
		harmless := slices.Contains(harmlessRows, b.Name) || b.Tree == "journal" || strings.HasPrefix(b.Name, "unnoticed: ")
		if b.Store == "" && len(b.Expect)+len(b.Gone) == 0 && !harmless {
			t.Errorf("%s: nobody notices", b.Name)
		}
	}
}

var (
	// harmlessRows change nothing that anybody reads: folders of matters have random
	// names, and after the last close both slots say the same.
	harmlessRows = []string{"journal of zeros planted", "journal of a file that is gone", "matters exchanged",
		"newer slot of an older version", "older slot of an older version"}
	// mixedRows leave some blocks as they are in place, some as the journal has them.
	mixedRows = []string{"last record flipped", "records turned round"}
)

// mayServe allows content that was in its place before, or blocks of it.
func (b *brokenSample) mayServe(f fact, ex map[string]*expectation) bool {
	if strings.HasPrefix(b.Name, "unnoticed: ") || slices.Contains(mixedRows, b.Name) {
		return true
	}
	for _, tree := range []string{"good", "journal-older", "journal"} {
		if b.Tree == "journal" && slices.ContainsFunc(ex[tree].Facts, func(g fact) bool { return g.Path == f.Path && g.SHA256 == f.SHA256 }) {
			return true
		}
	}
	return false
}

// The archive of a sample is read by the store only as it is: one byte of any of
// its files changed is noticed, or is in what recovery drops.
func TestSampleBytesCount(t *testing.T) {
	trees, ex, k := samples(t)
	for p, b := range trees["good"] {
		if b.dir || len(b.data) == 0 {
			continue
		}
		im := trees["good"].clone()
		im[p].data[len(b.data)/2+7] ^= 0x10
		got, _, err := k.read(t, im)
		if err == nil && len(diff(got, ex["good"].Facts)) == 0 {
			t.Errorf("a bit in %s may be flipped", p)
		}
	}
}

// Keys that are not those of the samples open nothing.
func TestSampleOtherKey(t *testing.T) {
	trees, _, k := samples(t)
	d := crashdisk.New()
	trees["good"].put(t, d)
	_, err := store.Open(d, hexID(k.StoreID), crypto.NewKey(), k, store.Options{})
	if causeOf(err) != "authentication" {
		t.Errorf("another store key: %v", err)
	}
	p, err := os.ReadFile(filepath.Join(sampleDir, "good.tar.gz"))
	need(t, err)
	if len(p) > 256<<10 {
		t.Errorf("the sample has %d bytes", len(p))
	}
}

// The samples and the vectors are those that FORMAT.md names.
func TestSamplesAreFrozen(t *testing.T) {
	doc, err := os.ReadFile("../FORMAT.md")
	need(t, err)
	files, err := filepath.Glob(sampleDir + "/*")
	need(t, err)
	for _, p := range append(files, "../testdata/vectors.json") {
		b, err := os.ReadFile(p)
		need(t, err)
		sum := sha256.Sum256(b)
		if !strings.Contains(string(doc), hex.EncodeToString(sum[:])) {
			t.Errorf("%s is not what it was when the format was frozen", p)
		}
	}
	if n := strings.Count(string(doc), "testdata/v1/"); n != len(files) {
		t.Errorf("%d samples, FORMAT.md names %d", len(files), n)
	}
}
