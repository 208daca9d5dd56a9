package fs

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"matterfs/internal/as"
)

// clients is a program: n threads that each do some of the storm's work below a
// directory. Refusals are as good as any other answer, EIO is not.
func clients(args []string) error {
	var wg sync.WaitGroup
	errs := make([]error, number(args[2]))
	for i := range errs {
		r := rand.New(rand.NewPCG(uint64(number(args[1])), uint64(i)))
		wg.Go(func() { errs[i] = client(r, args[0], number(args[3])) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func client(r *rand.Rand, dir string, n int) error {
	path := func() string {
		return filepath.Join(dir, stormNames[r.IntN(len(stormNames))], stormNames[r.IntN(len(stormNames))])
	}
	for range n {
		i := r.IntN(len(stormOps))
		err := stormOps[i](r, path(), path())
		var errno unix.Errno
		if err == nil || errors.As(err, &errno) && (errno == unix.EACCES || errno == unix.EPERM || slices.Contains(expected, errno)) {
			continue
		}
		return fmt.Errorf("operation %d: %w", i, err)
	}
	return nil
}

// 64 clients, threads of four processes under three uids, do everything at once in
// the same few names: each gets an answer that a file system gives, and what is left
// is what the log, the kernel and the store agree on.
func TestSixtyFourClients(t *testing.T) {
	d := mountFirm(t)
	lead := as.Start(t, zhang)
	dir := d.in("众人")
	lead.Does(lead.Mkdir(dir))
	for _, name := range stormNames {
		lead.Does(lead.Mkdir(filepath.Join(dir, name)))
	}
	kept := strings.Repeat("存", 50_000)
	lead.Writes(d.in("存好的"), kept)
	var wg sync.WaitGroup
	for i, uid := range []uint32{zhang, zhang, lina, reader} {
		u := as.Start(t, uid)
		wg.Go(func() { runs(t, u, "clients", dir, fmt.Sprint(i), "16", "60") })
	}
	wg.Wait()
	lead.Reads(d.in("存好的"), kept)
	runs(t, lead, "look-at-all", dir)
	if n := d.count("ev", "panic"); n != 0 {
		t.Errorf("%d panics", n)
	}
	gone(t, d)
}
