package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
	"unicode"

	"golang.org/x/term"

	"matterfs/crypto/store"
)

// Levels of findings.
const (
	fsckDamage   = "damage"   // the drive refuses it, or it is not what the log says
	fsckLeftover = "leftover" // a crash left it, and the next mount puts it right
)

// fsckFinding is a finding as --json prints it, one on a line.
type fsckFinding struct {
	Level  string `json:"level"`
	Code   string `json:"code"`
	Matter string `json:"matter,omitempty"`
	Path   string `json:"path,omitempty"`   // plain, inside the matter
	Stored string `json:"stored,omitempty"` // inside the data directory
	Object string `json:"object,omitempty"`
	What   string `json:"what"`
	Seq    uint64 `json:"seq,omitempty"`  // of the record in the log that says otherwise
	Lost   string `json:"lost,omitempty"` // name in .mfs.lost, in a line of its own
}

func findingOf(f *store.Finding) fsckFinding {
	x := fsckFinding{Level: fsckLeftover, Code: string(f.Code), Matter: f.Matter, Path: f.Path, Stored: f.Stored, What: f.Text(), Lost: f.Lost}
	if f.Damage() {
		x.Level = fsckDamage
	}
	if !f.Object.IsZero() {
		x.Object = f.Object.String()
	}
	return x
}

// place is where a finding is, for people.
func (f *fsckFinding) place() string {
	if f.Path == "" && f.Stored != "" {
		return "data:" + f.Stored
	}
	return shownName(placeName(f.Matter, f.Path))
}

// shownName quotes a name that would do something to a terminal.
func shownName(name string) string {
	for _, r := range name {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return strconv.Quote(name)
		}
	}
	return name
}

// fsckTotals are the last line of --json.
type fsckTotals struct {
	OK        bool     `json:"ok"`
	Structure bool     `json:"structure_only"`
	Matters   uint64   `json:"matters"`
	Folders   uint64   `json:"folders"`
	Files     uint64   `json:"files"`
	Symlinks  uint64   `json:"symlinks"`
	Bytes     uint64   `json:"bytes"`
	Damaged   uint64   `json:"damaged"`
	Leftovers uint64   `json:"leftovers"`
	Moved     uint64   `json:"moved"`
	Lost      uint64   `json:"lost"` // in .mfs.lost
	Passed    uint64   `json:"passed"`
	Log       *logSpan `json:"log,omitempty"`
}

// fsckOutput prints findings as they come, and how far the check is at a terminal.
type fsckOutput struct {
	a            *app
	bar          bool
	began, drawn time.Time
	files, bytes uint64 // to come
}

func newFsckOutput(a *app) *fsckOutput {
	return &fsckOutput{a: a, bar: atTerminal(a.err) && !a.json, began: time.Now()}
}

func atTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// measure finds out how much there is to read, for the display.
func (o *fsckOutput) measure(ctx context.Context, disk store.Disk) (err error) {
	if o.bar {
		o.files, o.bytes, err = store.Measure(disk, func() bool { return ctx.Err() != nil })
		o.began = time.Now()
	}
	return err
}

func (o *fsckOutput) progress(n store.CheckTotals) {
	if now := time.Now(); o.bar && now.Sub(o.drawn) >= 100*time.Millisecond {
		o.drawn = now
		fmt.Fprintf(o.a.err, "\r%s\x1b[K", progressLine(n, o.files, o.bytes, now.Sub(o.began)))
	}
}

// clear takes the display away.
func (o *fsckOutput) clear() {
	if o.bar && !o.drawn.IsZero() {
		fmt.Fprint(o.a.err, "\r\x1b[K")
		o.drawn = time.Time{}
	}
}

// progressLine is like "[#####     ] 50% 1.0/2.0 GiB, 10/20 files, 512.0 MiB/s, 0:02 left".
func progressLine(n store.CheckTotals, files, bytes uint64, passed time.Duration) string {
	const width = 20
	done := 1.0
	if bytes > 0 {
		done = min(1, float64(n.Bytes)/float64(bytes))
	}
	bar := ""
	for i := range width {
		if float64(i) < done*width {
			bar += "#"
		} else {
			bar += " "
		}
	}
	line := fmt.Sprintf("[%s] %d%% %s/%s, %d/%d files", bar, int(done*100), sizeText(n.Bytes), sizeText(bytes), n.Files+n.Symlinks, files)
	if s := passed.Seconds(); s > 0 && n.Bytes > 0 {
		rate := float64(n.Bytes) / s
		left := int(float64(bytes-min(bytes, n.Bytes)) / rate)
		line += fmt.Sprintf(", %s/s, %d:%02d left", sizeText(uint64(rate)), left/60, left%60)
	}
	return line
}

// sizeText shows bytes in the unit that fits.
func sizeText(n uint64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, u := float64(n), 0
	for v >= 1024 && u+1 < len(units) {
		v, u = v/1024, u+1
	}
	if u == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[u])
}

func (o *fsckOutput) finding(f fsckFinding) error {
	o.clear()
	if o.a.json {
		return o.a.printJSON(f)
	}
	return o.a.printf("%-8s %-11s %s: %s\n", f.Level, f.Code, f.place(), f.What)
}

func (o *fsckOutput) movedAside(f fsckFinding) error {
	o.clear()
	if o.a.json {
		return o.a.printJSON(f)
	}
	return o.a.printf("%-8s %-11s %s -> .mfs.lost/%s\n", "moved", f.Code, f.place(), f.Lost)
}

// totals ends the report.
func (o *fsckOutput) totals(n store.CheckTotals, k *fsck) error {
	t := fsckTotals{OK: n.Damaged == 0, Structure: k.o.structure, Matters: n.Matters, Folders: n.Folders, Files: n.Files, Symlinks: n.Symlinks,
		Bytes: n.Bytes, Damaged: n.Damaged, Leftovers: n.Leftovers, Moved: n.Moved, Lost: n.Lost, Passed: n.Passed}
	if k.log != nil {
		t.Log = &k.log.span
	}
	if o.a.json {
		return o.a.printJSON(t)
	}
	if t.Lost > 0 {
		o.a.say(msgFsckLost, t.Lost)
	}
	if t.Log != nil {
		o.a.say(msgFsckSpan, t.Log.First, t.Log.Last, t.Log.Crashes)
		if t.Log.First != 1 {
			o.a.say(msgFsckShort)
		}
	}
	if t.Structure {
		o.a.say(msgFsckStructure)
	}
	if t.OK {
		return o.a.printf("%s\n", o.a.text(msgFsckOK, t.Matters, t.Folders, t.Files, t.Symlinks, sizeText(t.Bytes), t.Leftovers))
	}
	return o.a.printf("%s\n", o.a.text(msgFsckBad, t.Damaged, t.Leftovers, t.Moved))
}
