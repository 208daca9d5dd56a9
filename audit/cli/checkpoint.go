package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"matterfs/audit"
)

type sealOptions struct {
	dir, file string
	qr        bool
	cosigned  bool
}

// NewCheckpoint makes `checkpoint [DIR]`.
func NewCheckpoint(t *Tool) *cobra.Command {
	var o sealOptions
	c := &cobra.Command{
		Use:   "checkpoint [DIR]",
		Short: "print the newest checkpoint of the log, to keep elsewhere",
		Long: "checkpoint prints the newest checkpoint: how many records the log has and the root of the tree over them, signed.\n" +
			"Keep it where the server's administrators cannot reach it. audit verify --against FILE then shows whether the log\n" +
			"is still the one it was, even when somebody rewrote it with the keys of the server.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.dir = optional(args, 0)
			return runCheckpoint(t, o)
		},
	}
	c.Flags().StringVar(&o.file, "file", "", "write it to `FILE` instead")
	c.Flags().BoolVar(&o.qr, "qr", false, "print it as a QR code")
	c.Flags().BoolVar(&o.cosigned, "cosigned", false, "print the newest one that a witness has signed")
	return c
}

// NewKey makes `key [DIR]`.
func NewKey(t *Tool) *cobra.Command {
	var o sealOptions
	c := &cobra.Command{
		Use:   "key [DIR]",
		Short: "print the verification key of the log, to keep elsewhere",
		Long: "key prints the verification key that the log's seals go back to, as init printed it; where keys were lost, one line more\n" +
			"for each time. Only a key that was kept away from the server proves anything: audit verify --key KEY.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.dir = optional(args, 0)
			return runKey(t, o)
		},
	}
	c.Flags().BoolVar(&o.qr, "qr", false, "print it as a QR code")
	return c
}

func runCheckpoint(t *Tool, o sealOptions) error {
	at, err := t.Find(o.dir)
	if err != nil {
		return err
	}
	newest := newestCheckpoint
	if o.cosigned {
		newest = cosignedCheckpoint
	}
	b, err := newest(at.Log)
	if err != nil {
		return err
	}
	if o.file != "" {
		return os.WriteFile(o.file, b, 0o644)
	}
	return t.printNote(string(b), o.qr)
}

// newestCheckpoint is the one that the daemon left beside the log, or that of
// the last seal where that file is missing or a crash cut it short.
func newestCheckpoint(dir string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(dir, audit.CheckpointName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if _, bad := audit.ParseCheckpoint(b); bad == nil {
		return b, nil
	}
	b = nil
	err = audit.ReadRecords(dir, func(_ []byte, r *audit.Parsed) error {
		if r.Ev == "audit.seal" {
			b = []byte(r.Signed)
		}
		return nil
	})
	if err == nil && b == nil {
		err = errNoSeal
	}
	return b, err
}

// cosignedCheckpoint is the newest one that a witness has signed, as the daemon left it.
func cosignedCheckpoint(dir string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(dir, audit.CosignName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoWitness
	}
	return b, err
}

// errNoWitness: no witness has ever signed a checkpoint of the log.
var errNoWitness = errors.New("no witness has signed a checkpoint of this log yet")

// errNoSeal: the log was never sealed, so that there is nothing to keep.
var errNoSeal = errors.New("the log has no seal yet")

func runKey(t *Tool, o sealOptions) error {
	at, err := t.Find(o.dir)
	if err != nil {
		return err
	}
	keys, err := audit.ReadKeys(at.Log)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return errNoSeal
	}
	if o.qr {
		return t.printNote(keys[len(keys)-1], true)
	}
	return t.printNote(strings.Join(keys, "\n")+"\n", false)
}

// printNote prints text that people keep, or its QR code.
func (t *Tool) printNote(text string, asQR bool) error {
	if asQR {
		var err error
		if text, err = QRText(text); err != nil {
			return err
		}
	}
	return t.printf("%s", text)
}

// OnTerminal says that a person reads f.
func OnTerminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// keptKeys reads what --key was given: the key, or a file that holds it.
func keptKeys(given []string) (keys []string, err error) {
	for _, k := range given {
		if b, err := os.ReadFile(k); err == nil {
			k = string(bytes.TrimSpace(b))
		} else if !strings.Contains(k, "+") {
			return nil, err
		}
		keys = append(keys, strings.Fields(k)...)
	}
	return keys, nil
}
