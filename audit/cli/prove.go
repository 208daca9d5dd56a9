package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"matterfs/audit"
)

type proveFlags struct {
	args    []string
	dir     string
	check   string
	keys    []string
	file    string
	retired bool
	zoneFlags
}

// NewProve makes `prove SEQ...` and `prove --check FILE`.
func NewProve(t *Tool) *cobra.Command {
	var o proveFlags
	c := &cobra.Command{
		Use:   "prove SEQ...",
		Short: "prove to others that records are in the log",
		Long: "prove prints a proof of the records with these numbers: their lines, the hashes that lead from each to a checkpoint of the log,\n" +
			"and the changes of keys that lead to the keys of these checkpoints. --check FILE tells whether such a proof holds and prints\n" +
			"its records. It needs the verification key that init printed and nothing else; a proof that does not hold ends with 10.\n" +
			"It shows that these records are in the log as they are. It does not show what else is there.",
		Example: "  prove 48212 48213 --dir /srv/firm > proof\n  prove --check proof --key matterfs-audit/...",
		RunE: func(_ *cobra.Command, args []string) error {
			o.args = args
			if o.check != "" {
				return runCheck(t, o)
			}
			return runProve(t, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.dir, "dir", "", "store or log `directory` (default: the log of --config or --log)")
	f.StringVar(&o.file, "file", "", "write the proof to `FILE`")
	f.StringVar(&o.check, "check", "", "check the proof in `FILE`, - for standard input")
	f.StringArrayVar(&o.keys, "key", nil, "verification `key` that was kept elsewhere, or a file that holds it; may be repeated")
	f.BoolVar(&o.retired, "retired-epochs", false, "accept changes of keys whose records retention took; a thief of any later key can prove anything then")
	o.zoneFlags.add(f)
	return c
}

func runProve(t *Tool, o proveFlags) error {
	if len(o.args) == 0 {
		return usage("name the records by their numbers, or give --check FILE")
	}
	var seqs []uint64
	for _, a := range o.args {
		n, err := strconv.ParseUint(a, 10, 64)
		if err != nil || n == 0 {
			return usage("%q is no number of a record", a)
		}
		seqs = append(seqs, n)
	}
	at, err := t.Find(o.dir)
	if err != nil {
		return err
	}
	proof, err := t.prove(at.Log, seqs)
	if err != nil {
		return err
	}
	if o.file != "" {
		return os.WriteFile(o.file, proof, 0o666)
	}
	_, err = t.Out.Write(proof)
	return err
}

// sealWait is how long the newest records are waited for: where a daemon writes, it seals ten seconds after a record.
const sealWait = 15 * time.Second

// prove is audit.Prove for a log that may be growing: what is not sealed yet is waited for. A copy is not.
func (t *Tool) prove(log string, seqs []uint64) ([]byte, error) {
	said := false
	for end := time.Now().Add(sealWait); ; time.Sleep(500 * time.Millisecond) {
		var proof bytes.Buffer
		err := audit.Prove(log, seqs, &proof)
		if t.Note == nil || !errors.Is(err, audit.ErrNotSealed) || time.Now().After(end) {
			return proof.Bytes(), err
		}
		if !said {
			t.say(msgSealWait)
			said = true
		}
	}
}

func runCheck(t *Tool, o proveFlags) error {
	if len(o.args) > 0 || o.file != "" {
		return usage("--check takes a FILE and no records")
	}
	keys, err := keptKeys(o.keys)
	if err != nil || len(keys) == 0 {
		return usage("--check needs --key with the verification key that was kept elsewhere: %v", err)
	}
	loc, err := t.location(o.dir, o.zoneFlags)
	if err != nil {
		return err
	}
	var b []byte
	if o.check == "-" {
		b, err = io.ReadAll(os.Stdin)
	} else {
		b, err = os.ReadFile(o.check)
	}
	if err != nil {
		return err
	}
	return t.check(b, audit.ProofOptions{Keys: keys, Retired: o.retired}, loc)
}

// check prints the records that a proof shows; the changes of keys among them only as they stand in the log.
func (t *Tool) check(proof []byte, o audit.ProofOptions, loc *time.Location) error {
	list, err := checkProof(proof, o)
	if err != nil {
		return err
	}
	print, n := t.recordPrinter(t.Out, loc), 0
	for _, p := range list {
		if p.Record.Ev == "audit.epoch" && !*t.JSON {
			continue
		}
		n++
		if err := print(p.Line, p.Record); err != nil {
			return err
		}
	}
	t.say(msgProofOK, n, origin(o.Keys))
	t.say(msgProofNote)
	return nil
}

func checkProof(proof []byte, o audit.ProofOptions) ([]audit.Proven, error) {
	list, err := audit.CheckProof(proof, o)
	if bad := (*audit.NoteError)(nil); errors.As(err, &bad) && !asProof(err) {
		return nil, usage("--key: %v", err)
	}
	return list, err
}

// asProof: a proof can fail because of a note in it; that is not the fault of the command line.
func asProof(err error) bool {
	var e *audit.ProofError
	return errors.As(err, &e)
}
