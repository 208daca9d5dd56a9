package store_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"syscall"

	"matterfs/crypto"
	"matterfs/crypto/store"
	"matterfs/internal/crashdisk"
)

// killNow returns the disk as a kill leaves it.
func (g *stage) killNow() *crashdisk.Disk {
	return g.disk.Image().Crash(crashdisk.Kill, rand.New(rand.NewPCG(1, 1)))
}

// raw opens the one backing file of the matter whose name begins so, or with ""
// the one of f.
func raw(d *crashdisk.Disk, prefix string) (store.File, error) {
	root, err := d.OpenRoot()
	if err != nil {
		return nil, err
	}
	list, err := root.List()
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		if strings.HasPrefix(e.Name, ".mfs.") {
			continue
		}
		m, err := root.OpenDir(e.Name)
		if err != nil {
			return nil, err
		}
		files, err := m.List()
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if prefix != "" && strings.HasPrefix(f.Name, prefix) || prefix == "" && f.Name[0] != '.' {
				return m.OpenFile(f.Name)
			}
		}
	}
	return nil, syscall.ENOENT
}

func rawBytes(d *crashdisk.Disk, prefix string) ([]byte, error) {
	f, err := raw(d, prefix)
	if err != nil {
		return nil, err
	}
	p := make([]byte, 1<<20)
	n, err := f.ReadAt(p, 0)
	return p[:n], errors.Join(err, f.Close())
}

// recordAgain appends the first record of a journal at its end once more: the
// older content of a block must not come back.
func recordAgain(tune func(*store.Options)) error {
	g, err := newStage("aa", tune)
	if err != nil {
		return err
	}
	if err := errors.Join(g.put("b", 0), g.put("c", 0)); err != nil {
		return err
	}
	d := g.killNow()
	p, err := rawBytes(d, ".j.")
	if err != nil {
		return err
	}
	j, err := raw(d, ".j.")
	if err != nil {
		return err
	}
	defer j.Close()
	if _, err := j.WriteAt(p[:len(p)/2], int64(len(p))); err != nil {
		return err
	}
	return g.want(d, 0, "ca", "?")
}

// journalOfBefore puts an earlier journal back while a checkpoint has its blocks
// in place and not its slot: what is in place is newer and must stay.
func journalOfBefore(tune func(*store.Options)) error {
	g, err := newStage("aa", tune)
	if err != nil {
		return err
	}
	if err := g.put("b", 0); err != nil {
		return err
	}
	old, err := rawBytes(g.killNow(), ".j.")
	if err != nil {
		return err
	}
	if err := errors.Join(g.put("c", 0), g.f.h.Sync()); err != nil {
		return err
	}
	var im *crashdisk.Image
	g.disk.SetHook(func(s crashdisk.Step) crashdisk.Fault {
		if s.Op == crashdisk.Write && s.Off < block && s.Len < block && im == nil {
			im = s.Image() // the slot of the checkpoint
		}
		return crashdisk.Fault{}
	})
	if err := g.f.h.Close(); err != nil {
		return err
	}
	d := im.Crash(crashdisk.Kill, rand.New(rand.NewPCG(2, 2)))
	j, err := raw(d, ".j.")
	if err != nil {
		return err
	}
	defer j.Close()
	if _, err := j.WriteAt(old, 0); err != nil {
		return err
	}
	return errors.Join(j.Truncate(int64(len(old))), g.want(d, 0, "ca", "?"))
}

// damagedSlot damages either slot of a file that nobody uses: it must not show
// the permissions that it had before.
func damagedSlot(tune func(*store.Options)) error {
	g, err := newStage("aa", tune)
	if err != nil {
		return err
	}
	mode := uint32(0o600)
	if err := g.f.h.Close(); err != nil {
		return err
	}
	o, err := g.root.Lookup("f")
	if err != nil {
		return err
	}
	defer o.Release()
	if _, err := o.SetAttr(store.SetAttr{Mode: &mode}); err != nil {
		return err
	}
	for _, off := range []int64{0x300, 0x900} {
		d := g.killNow()
		f, err := raw(d, "")
		if err != nil {
			return err
		}
		if _, err := f.WriteAt([]byte("damage"), off); err != nil {
			return err
		}
		if err := g.want(d, mode, "aa", "?"); err != nil {
			return err
		}
	}
	return nil
}

// journalsAtTheEnd removes and replaces open files that have journals: none may
// stay when all is closed.
func journalsAtTheEnd(tune func(*store.Options)) error {
	g, err := newStage("aa", tune)
	if err != nil {
		return err
	}
	if err := errors.Join(g.put("b", 0), g.root.Unlink("f"), g.f.h.Close()); err != nil {
		return err
	}
	g.root.Release()
	if err := g.store.Close(); err != nil {
		return err
	}
	return leftovers(g.disk)
}

// fullJournal lets a write to the journal meet a full disk: the caller is told,
// or the bytes are there.
func fullJournal(tune func(*store.Options)) error {
	g, err := newStage("aa", tune)
	if err != nil {
		return err
	}
	if err := g.put("b", 0); err != nil {
		return err
	}
	g.disk.SetHook(func(s crashdisk.Step) crashdisk.Fault {
		if s.Op == crashdisk.Write {
			return crashdisk.Fault{Err: syscall.ENOSPC}
		}
		return crashdisk.Fault{}
	})
	err = g.put("c", 0)
	g.disk.SetHook(nil)
	if err != nil {
		return g.want(g.killNow(), 0, "ba", "ca")
	}
	return g.want(g.killNow(), 0, "ca")
}

// tailCutOff cuts off blocks that were appended and synced while there is a
// journal: the file must be refused, not shorter.
func tailCutOff(tune func(*store.Options)) error {
	g, err := newStage("aa", tune)
	if err != nil {
		return err
	}
	if err := errors.Join(g.put("b", 0), g.put("cc", 2), g.f.h.Sync()); err != nil {
		return err
	}
	d := g.killNow()
	f, err := raw(d, "")
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(crypto.HeaderSize + 2*crypto.BlockStride); err != nil {
		return err
	}
	return g.want(d, 0, "bacc", "?")
}

// headersNeverWritten makes files whose names are durable before their headers:
// after a power cut such a name leads to nothing, and not to damage.
func headersNeverWritten(tune func(*store.Options)) error {
	for seed := range uint64(60) {
		g, err := newStage("aa", tune)
		if err != nil {
			return err
		}
		o, h, _, err := g.root.Create("new", simAttr, true)
		if err != nil {
			return err
		}
		o.Release()
		if err := errors.Join(h.Close(), g.root.SyncDir()); err != nil {
			return err
		}
		d := g.disk.Image().Crash(crashdisk.PowerCut, rand.New(rand.NewPCG(seed, 1)))
		tree, err := g.readBack(d)
		if err != nil {
			return err
		}
		for at, err := range tree.bad {
			return broken("unreadable", "%q: %v", at.name, err)
		}
	}
	return nil
}
