package cli

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"matterfs/audit"
)

// maxBundle is how many records a bundle may have: each proof of a large log is about a kilobyte.
const maxBundle = 100_000

type bundleFlags struct {
	filter, dir, out, check string
	keys                    []string
	retired                 bool
	zoneFlags
}

// NewBundle makes `bundle FILTER [DIR] --out FILE` and `bundle --check FILE`.
func NewBundle(t *Tool) *cobra.Command {
	var o bundleFlags
	c := &cobra.Command{
		Use:   "bundle FILTER [DIR]",
		Short: "put records, their proofs and what explains them into one file",
		Long: "bundle writes a zip file with the records that FILTER chooses (see query), as they stand in the log and as a table, a proof of\n" +
			"each, the policies that were in force, the newest checkpoint, the verification key, the SHA-256 of every file, and\n" +
			"how to check it all, in Chinese and English. --check FILE checks such a file; the verification key given with --key must\n" +
			"come from elsewhere, not from the bundle.",
		Example: "  bundle 'matter=2026-0142 user=zhang.wei' /srv/firm --out evidence.zip\n  bundle --check evidence.zip --key matterfs-audit/...",
		Args:    cobra.MaximumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			if o.check != "" {
				return runBundleCheck(t, o)
			}
			if len(args) == 0 || o.out == "" {
				return usage("bundle needs a FILTER and --out FILE, or --check FILE")
			}
			o.filter, o.dir = args[0], optional(args, 1)
			return runBundle(t, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.out, "out", "", "zip `FILE` to write; it must not exist")
	f.StringVar(&o.check, "check", "", "check the bundle in `FILE`")
	f.StringArrayVar(&o.keys, "key", nil, "verification `key` that was kept elsewhere, or a file that holds it; may be repeated")
	f.BoolVar(&o.retired, "retired-epochs", false, "accept changes of keys whose records retention took, see prove")
	o.zoneFlags.add(f)
	return c
}

func runBundle(t *Tool, o bundleFlags) error {
	at, _, filter, err := t.search(o.dir, o.filter, o.zoneFlags)
	if err != nil {
		return err
	}
	if err := t.note(o.dir, "bundle "+o.filter); err != nil {
		return err
	}
	b := &bundle{files: map[string][]byte{}, policies: map[string]bool{}}
	if err := b.records(at.Log, filter); err != nil {
		return err
	}
	if err := errors.Join(b.proofs(t, at.Log), b.context(at)); err != nil {
		return err
	}
	b.files["README.txt"] = fmt.Appendf(nil, bundleReadme, o.filter, len(b.seqs), time.Now().UTC().Format(time.RFC3339))
	if err := b.write(o.out); err != nil {
		return err
	}
	t.say(msgBundleDone, o.out, len(b.seqs))
	return nil
}

// bundle gathers files by their names.
type bundle struct {
	files    map[string][]byte
	seqs     []uint64
	policies map[string]bool
}

func (b *bundle) records(log string, filter *audit.Filter) error {
	var lines bytes.Buffer
	var list []*audit.Parsed
	rep, err := audit.Query(audit.QueryOptions{Dir: log, IndexDir: IndexDir(log)}, filter, func(line []byte, p *audit.Parsed) error {
		if len(b.seqs) == maxBundle {
			return usage("more than %d records meet the conditions: ask for fewer", maxBundle)
		}
		b.seqs = append(b.seqs, p.Seq)
		b.policies[p.Pol] = true
		list = append(list, p)
		lines.Write(append(line, '\n'))
		return nil
	})
	switch {
	case err != nil:
		return err
	case rep.Bad > 0:
		return rep.First
	case len(b.seqs) == 0:
		return usage("no record meets the conditions")
	}
	b.files["records.jsonl"] = lines.Bytes()
	b.files["records.csv"], err = table(list)
	return err
}

// table is a table of records as spreadsheets read it. Its times are UTC, so that whoever checks a bundle can make it again.
func table(list []*audit.Parsed) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("\ufeff") // for Excel
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	rows := [][]string{audit.CSVHeader()}
	for _, p := range list {
		rows = append(rows, audit.CSVRow(p, time.UTC))
	}
	err := w.WriteAll(rows)
	return b.Bytes(), err
}

func (b *bundle) proofs(t *Tool, log string) (err error) {
	b.files["records.tlog-proof"], err = t.prove(log, b.seqs)
	return err
}

// context adds what explains the records: keys, the newest checkpoint, and the policies as far as the caller may read them.
func (b *bundle) context(at Place) error {
	keys, err := audit.ReadKeys(at.Log)
	if err != nil {
		return err
	}
	b.files["verification.key"] = []byte(strings.Join(keys, "\n") + "\n")
	if b.files["checkpoint"], err = newestCheckpoint(at.Log); err != nil {
		return err
	}
	dir := filepath.Join(at.State, "policies")
	entries, err := os.ReadDir(dir)
	if at.State == "" || err != nil {
		entries = nil // an auditor's copy has none
	}
	for _, e := range entries {
		if len(e.Name()) < 12 || !b.policies[e.Name()[:12]] {
			continue
		}
		if err := b.tree(filepath.Join(dir, e.Name()), "policies/"+e.Name()); err != nil {
			return err
		}
	}
	return nil
}

func (b *bundle) tree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		b.files[to+"/"+filepath.ToSlash(rel)] = content
		return err
	})
}

// manifestName is the file with the SHA-256 of all others, as sha256sum writes and checks it.
const manifestName = "SHA256SUMS"

func (b *bundle) write(name string) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(name))
		}
	}()
	b.files[manifestName] = b.manifest()
	z := zip.NewWriter(f)
	for _, file := range slices.Sorted(maps.Keys(b.files)) {
		w, err := z.Create(file)
		if err != nil {
			return err
		}
		if _, err := w.Write(b.files[file]); err != nil {
			return err
		}
	}
	return z.Close()
}

func (b *bundle) manifest() []byte {
	var sums []byte
	for _, file := range slices.Sorted(maps.Keys(b.files)) {
		if file != manifestName {
			sums = fmt.Appendf(sums, "%x  %s\n", sha256.Sum256(b.files[file]), file)
		}
	}
	return sums
}

func runBundleCheck(t *Tool, o bundleFlags) error {
	keys, err := keptKeys(o.keys)
	if err != nil || len(keys) == 0 {
		return usage("--check needs --key with the verification key that was kept elsewhere: %v", err)
	}
	loc, err := t.location("", o.zoneFlags)
	if err != nil {
		return err
	}
	b, err := readBundle(o.check)
	if err != nil {
		return err
	}
	if err := b.whole(); err != nil {
		return err
	}
	proof := b.files["records.tlog-proof"]
	list, err := checkProof(proof, audit.ProofOptions{Keys: keys, Retired: o.retired})
	if err != nil {
		return err
	}
	if err := b.sameRecords(list); err != nil {
		return err
	}
	return t.check(proof, audit.ProofOptions{Keys: keys, Retired: o.retired}, loc)
}

// BundleError says why a bundle is not what it says.
type BundleError struct{ What string }

func (e *BundleError) Error() string { return "bundle: " + e.What }

// maxBundleBytes bounds what a bundle may hold, decompressed: a small zip file can stand for a very large one.
const maxBundleBytes = 1 << 30

func readBundle(name string) (*bundle, error) {
	z, err := zip.OpenReader(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer z.Close()
	b := &bundle{files: map[string][]byte{}}
	left := int64(maxBundleBytes)
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(io.LimitReader(r, left+1))
		if err := errors.Join(err, r.Close()); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, f.Name, err)
		}
		if left -= int64(len(content)); left < 0 {
			return nil, &BundleError{"it is larger than a bundle may be"}
		}
		if _, twice := b.files[f.Name]; twice {
			return nil, &BundleError{fmt.Sprintf("it has %q twice", f.Name)}
		}
		b.files[f.Name] = content
	}
	return b, nil
}

// whole compares the files with the manifest.
func (b *bundle) whole() error {
	if !bytes.Equal(b.files[manifestName], b.manifest()) {
		return &BundleError{"its files are not those of its " + manifestName}
	}
	return nil
}

// sameRecords: what people read in records.jsonl and records.csv is what the proof shows, changes of keys aside.
func (b *bundle) sameRecords(list []audit.Proven) error {
	var proved []byte
	var shown []*audit.Parsed
	lines := b.files["records.jsonl"]
	for _, p := range list {
		if p.Record.Ev == "audit.epoch" && !bytes.Contains(lines, p.Line) {
			continue
		}
		proved = append(append(proved, p.Line...), '\n')
		shown = append(shown, p.Record)
	}
	if !bytes.Equal(proved, lines) {
		return &BundleError{"records.jsonl does not hold the records that are proved"}
	}
	if cells, err := table(shown); err != nil || !bytes.Equal(cells, b.files["records.csv"]) {
		return &BundleError{"records.csv is not a table of the records that are proved"}
	}
	return nil
}

// origin is the log that a key belongs to.
func origin(keys []string) string {
	name, _, _ := strings.Cut(keys[0], "+")
	return name
}

// bundleReadme tells people what the files are and how to check them.
const bundleReadme = `访问日志证据包 / Evidence from an access log
查询条件 / conditions: %s
记录数 / records: %d
制作时间 / made: %s

一、内容
records.jsonl        日志原文,每行一条记录
records.csv          同样的记录,表格形式,时间为 UTC(核验时一并比对)
records.tlog-proof   每条记录的存在证明(C2SP tlog-proof,RFC 6962)
checkpoint           制作时日志的最新检查点
verification.key     日志目录中的验证密钥(仅供对照)
policies/            记录所依据的访问策略(能读到时)
SHA256SUMS           以上各文件的 SHA-256

二、核验
1. 完整性:sha256sum -c SHA256SUMS(Windows:certutil -hashfile 文件 SHA256)
2. 记录属实:matterfs-audit bundle --check 本文件.zip --key 验证密钥
   验证密钥必须取自别处:初始化时打印并由事务所另行保管的那一份,不可取自本包。
3. 退出码 0 表示每条记录均由该密钥一脉签封,逐字节未改;10 表示证明不成立。

三、不能证明的事项
本包证明所列记录确在日志之中;不证明没有其他记录(请对整份日志运行 matterfs-audit verify),
也不证明服务器时钟准确。policies/ 与 checkpoint 不在证明之内:目录名即策略的哈希,记录中的 pol 是它的前 12 位。

1. Contents
records.jsonl        the records as they stand in the log, a line each
records.csv          the same as a table, times in UTC; it is compared too
records.tlog-proof   a proof for each record (C2SP tlog-proof, RFC 6962)
checkpoint           the newest checkpoint when this was made
verification.key     the verification keys in the log directory, for comparison only
policies/            the policies that the records name, where they could be read
SHA256SUMS           SHA-256 of the files above

2. How to check it
a) Nothing is damaged: sha256sum -c SHA256SUMS (Windows: certutil -hashfile FILE SHA256)
b) The records are genuine: matterfs-audit bundle --check THIS.zip --key KEY
   KEY must come from elsewhere: it was printed when the store was made, and kept by the firm. Do not take it from here.
c) Exit code 0: each record was sealed under that key and is unchanged to the byte; 10: the proof does not hold.

3. What this does not prove
That no other records exist (run matterfs-audit verify on the whole log), nor that the server's clock was right.
policies/ and checkpoint are not proved: a directory is named by the hash of the policy, which begins with the pol of the records.
`
