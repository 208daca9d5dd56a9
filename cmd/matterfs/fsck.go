package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"matterfs/audit"
	"matterfs/crypto"
	"matterfs/crypto/store"
)

// evFsckRepair is the event of one thing that fsck moved aside.
const evFsckRepair = "fsck.repair"

type fsckFlags struct{ repair, structure, log bool }

func newFsck(a *app) *cobra.Command {
	var o fsckFlags
	c := &cobra.Command{
		Use:   "fsck DIR [MATTER...]",
		Short: "check every byte of a store that is not mounted",
		Long: "fsck reads the whole encrypted tree of the store in DIR, or of the matters named, and lists what is not as the\n" +
			"daemon left it: damaged or exchanged headers, blocks, folders, names, links and attributes, things that lie\n" +
			"where they do not belong or twice, and what is not of the store. It changes nothing, and ends with 20 when there\n" +
			"is damage. What a crash left is listed as a leftover: the next mount puts it right. The store must not be mounted.\n\n" +
			"--against-log also compares the tree with the audit log, and so finds whole files that somebody put back in an\n" +
			"older state, brought back after they were removed, exchanged by name, or took away.\n" +
			"--repair moves what is damaged or left over to .mfs.lost in the data directory, where list.jsonl says what lay\n" +
			"where; nothing is deleted. What only the log knows of is not moved.\n" +
			"--structure opens no keys: it sees sizes, forms and copies, and tells nothing about what is sealed.",
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if o.structure && (o.repair || o.log) {
				return usagef("--structure opens no keys, which --repair and --against-log need")
			}
			var matters []string
			if len(args) > 1 {
				matters = args[1:]
			}
			return runFsck(c.Context(), a, optional(args, 0), matters, o)
		},
	}
	c.Flags().BoolVar(&o.repair, "repair", false, "move what is damaged or left over aside; each move is recorded in the audit log")
	c.Flags().BoolVar(&o.structure, "structure", false, "check only what shows without keys")
	c.Flags().BoolVar(&o.log, "against-log", false, "compare with the audit log")
	return c
}

// fsck is one check of a store.
type fsck struct {
	a       *app
	d       *daemon
	o       fsckFlags
	matters []string
	out     *fsckOutput
	log     *treeLog // with --against-log
	failed  error    // of the output or the log
}

func runFsck(ctx context.Context, a *app, dir string, matters []string, o fsckFlags) (err error) {
	s, err := a.settings(dir)
	if err != nil {
		return err
	}
	k := &fsck{a: a, d: newDaemon(a, s, ""), o: o, matters: matters, out: newFsckOutput(a)}
	if o.repair {
		defer giveBack(s.Log, s.State, filepath.Join(s.Data, ".mfs.lost"))
	}
	defer func() { err = errors.Join(err, k.d.close()) }()
	if err := k.open(ctx); err != nil {
		return err
	}
	totals, err := k.check(ctx)
	k.out.clear()
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err != nil {
		return fmt.Errorf("data %s: %w", s.Data, err)
	}
	if err := k.finish(totals); err != nil {
		return err
	}
	if totals.Damaged > 0 {
		return &exitError{exitCorrupt}
	}
	return nil
}

// open takes what the check needs, and no more.
func (k *fsck) open(ctx context.Context) error {
	if _, err := os.Stat(k.d.s.Data); errors.Is(err, fs.ErrNotExist) {
		return &partError{place{"data", k.d.s.Data}, "does not exist"}
	}
	steps := []func(context.Context) error{k.d.lock}
	if !k.o.structure {
		steps = append(steps, k.d.unlock)
	}
	if k.o.repair {
		steps = append(steps, k.d.openLog)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if !k.o.log {
		return nil
	}
	var err error
	k.log, err = readTreeLog(ctx, k.d.s.Log)
	return err
}

func (k *fsck) check(ctx context.Context) (store.CheckTotals, error) {
	disk, err := store.OpenOSDisk(k.d.s.Data)
	if err != nil {
		return store.CheckTotals{}, err
	}
	defer disk.Close()
	if err := k.out.measure(ctx, disk); err != nil {
		return store.CheckTotals{}, err
	}
	o := store.CheckOptions{Matters: k.matters, Structure: k.o.structure, Repair: k.o.repair,
		Found: k.found, Moved: k.moved, Progress: k.out.progress}
	if k.log != nil {
		o.Object = k.log.seen
	}
	if k.o.structure {
		return store.Check(ctx, disk, crypto.ID{}, nil, nil, o)
	}
	key := k.d.keys.StoreKey(storePurpose)
	defer key.Wipe()
	totals, err := store.Check(ctx, disk, k.d.keys.StoreID(), key, k.d.keys, o)
	if err == nil && k.log != nil && ctx.Err() == nil {
		totals.Damaged, totals.Leftovers = k.compare(totals.Damaged, totals.Leftovers)
	}
	return totals, err
}

// compare tells what the log knows better.
func (k *fsck) compare(damaged, leftovers uint64) (uint64, uint64) {
	k.log.compare(k.matters, func(f fsckFinding) {
		if f.Level == fsckDamage {
			damaged++
		} else {
			leftovers++
		}
		k.keep(k.out.finding(f))
	})
	return damaged, leftovers
}

func (k *fsck) keep(err error) { k.failed = errors.Join(k.failed, err) }

func (k *fsck) found(f store.Finding) {
	if k.log != nil && f.Damage() {
		k.log.damaged(f.Matter, f.Path)
	}
	k.keep(k.out.finding(findingOf(&f)))
}

// moved records what the repair moved: where it was and where it is now.
func (k *fsck) moved(f store.Finding) {
	k.keep(k.out.movedAside(findingOf(&f)))
	who := self()
	r := audit.Record{Ev: evFsckRepair, Res: "ok", UID: who.uid, HasUID: true, AUID: who.auid, OUID: -1, PID: uint32(who.pid), Comm: who.comm,
		Matter: f.Matter, Path: f.Path, Note: fmt.Sprintf("%s: %s, from %s to .mfs.lost/%s", f.Code, f.Text(), f.Stored, f.Lost)}
	if !f.Object.IsZero() {
		r.FID = f.Object.String()
	}
	if f.Xattr != "" {
		r.Flags = "xattr"
	}
	if _, err := k.d.log.Append(&r); err != nil {
		k.keep(&logError{err})
	}
}

func (k *fsck) finish(n store.CheckTotals) error {
	if k.failed != nil {
		return k.failed
	}
	return k.out.totals(n, k)
}

// giveBack gives what root made in the daemon's directories to their owner: the
// daemon goes on with it.
func giveBack(dirs ...string) {
	for _, dir := range dirs {
		var st unix.Stat_t
		if os.Geteuid() != 0 || unix.Stat(dir, &st) != nil || st.Uid == 0 {
			continue
		}
		list, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range list {
			name := filepath.Join(dir, e.Name())
			var made unix.Stat_t
			if unix.Lstat(name, &made) == nil && made.Uid == 0 && made.Mode&unix.S_IFMT == unix.S_IFREG {
				os.Lchown(name, int(st.Uid), int(st.Gid))
			}
		}
	}
}
