package fs

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"matterfs/internal/as"
)

// costColumns are the ways of keeping the log that the table compares. Without a log there is only the switch of the tests, which
// nothing that ships can set (TestNothingShippedSetsASwitch). Budgets are off: what is measured is not slowed on purpose.
var costColumns = []struct {
	name string
	s    setup
}{
	{"no log", setup{each: true, off: without{checks: checkLog}}},
	{"each", setup{each: true}},
	{"cover", setup{}},
	{"each, durable", setup{each: true, syncOpens: true}},
	{"cover, durable", setup{syncOpens: true}},
}

// costRows are what a client does: how many bytes at a time, in how many threads.
var costRows = []struct {
	name, does, unit string
	size, threads    int
}{
	{"4K random, 1 thread", "random", "reads/s", 4 << 10, 1},
	{"4K random, 4 threads", "random", "reads/s", 4 << 10, 4},
	{"128K in a row", "row", "MB/s", 128 << 10, 1},
	{"1M in a row", "row", "MB/s", 1 << 20, 1},
	{"open and close, 1 thread", "open", "opens/s", 0, 1},
	{"open and close, 8 threads", "open", "opens/s", 0, 8},
}

const costFile = 64 << 20 // bytes

// costFor is how long one cell of a round is measured.
const costFor = 300 * time.Millisecond

// BenchmarkAuditCost prints what the log costs: each iteration is a round over all cells in turn, the table has the medians.
func BenchmarkAuditCost(b *testing.B) {
	drives := make([]*drive, len(costColumns))
	users := make([]*as.User, len(costColumns))
	for i, c := range costColumns {
		c.s.dir = b.TempDir()
		drives[i], users[i] = c.s.mount(b), as.Start(b, zhang)
		if err := users[i].WriteFile(drives[i].in("卷宗"), make([]byte, costFile)); err != nil {
			b.Fatal(err)
		}
	}
	cells := make([][][]float64, len(costRows))
	for i := range cells {
		cells[i] = make([][]float64, len(costColumns))
	}
	for round := 0; b.Loop(); round++ {
		for i, row := range costRows {
			for k := range drives {
				j := (k + round) % len(drives) // nobody is always first
				d := drives[j]
				v := costOf(b, users[j], d.in("卷宗"), row.does, row.size, row.threads)
				if row.unit == "MB/s" {
					v *= float64(row.size) / 1e6
				}
				cells[i][j] = append(cells[i][j], v)
			}
		}
	}
	printCost(os.Stdout, cells)
}

// costOf runs the program and returns how often a second it did what it was told.
func costOf(b *testing.B, u *as.User, path, does string, size, threads int) float64 {
	b.Helper()
	r, err := u.Run([]string{"/proc/self/exe", path, does, strconv.Itoa(size), strconv.Itoa(threads)}, "/", programEnv+"=cost", raceExit)
	if err != nil || r.Code != 0 {
		b.Fatalf("%v, exit %d: %s", err, r.Code, r.Stderr)
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(r.Stdout), 64)
	if err != nil || v <= 0 {
		b.Fatalf("%q: %v", r.Stdout, err)
	}
	return v
}

// printCost prints the medians, and how they compare with the first column.
func printCost(w io.Writer, cells [][][]float64) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\nwhat the log costs\t\t")
	for _, c := range costColumns {
		fmt.Fprint(t, c.name, "\t")
	}
	for i, row := range costRows {
		fmt.Fprintf(t, "\n%s\t%s\t", row.name, row.unit)
		for j := range costColumns {
			fmt.Fprintf(t, "%.0f (%.2f)\t", median(cells[i][j]), median(cells[i][j])/median(cells[i][0]))
		}
	}
	fmt.Fprintln(t)
	t.Flush()
	fmt.Fprintf(w, "medians of %d rounds, columns in turn; in brackets: as a part of the first column; spread of a cell (max/min) %.1f at most\n",
		len(cells[0][0]), worstSpread(cells))
}

func median(list []float64) float64 {
	s := slices.Sorted(slices.Values(list))
	return s[len(s)/2]
}

func worstSpread(cells [][][]float64) (worst float64) {
	for _, row := range cells {
		for _, list := range row {
			worst = max(worst, slices.Max(list)/slices.Min(list))
		}
	}
	return worst
}

// cost is a program that does one thing again and again in some threads, and prints how often a second it was done.
func cost(args []string) error {
	path, does, size, threads := args[0], args[1], number(args[2]), number(args[3])
	runtime.GOMAXPROCS(threads + 1) // a thread in a system call is not to keep the others from theirs
	f := must(os.Open(path))
	defer f.Close()
	var done atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	start := time.Now()
	for range threads {
		wg.Go(func() {
			buf := make([]byte, size)
			for i := 0; time.Since(start) < costFor; i++ {
				if err := costStep(f, path, does, buf, i); err != nil {
					failed.Store(&err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	fmt.Println(float64(done.Load()) / time.Since(start).Seconds())
	return nil
}

func costStep(f *os.File, path, does string, buf []byte, i int) error {
	switch does {
	case "random":
		_, err := f.ReadAt(buf, int64(rand.IntN(costFile/len(buf))*len(buf)))
		return err
	case "row":
		_, err := f.ReadAt(buf, int64(i*len(buf)%costFile))
		return err
	}
	g, err := os.Open(path)
	if err != nil {
		return err
	}
	return g.Close()
}
