//go:build kills

package killtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// span is a range of bytes of one file as one person read it.
type span struct {
	uid      int
	path     string // in the matter
	off, end int64
}

// logReader follows the log across kills. Only whole lines count; a daemon that recovers cuts a torn one off.
type logReader struct {
	dir string
	at  int64
}

// logLine is what a record says of bytes.
type logLine struct {
	Ev, Res, Path string
	UID           int
	H             uint64
	Off, Len      int64
	CoverFrom     int64 `json:"cover_from"`
	CoverTo       int64 `json:"cover_to"`
}

// gives tells whether bytes left under this record.
func (r *logLine) gives() bool { return r.Res == "ok" && (r.Ev == "read" || r.Ev == "fill") }

// spans are the bytes that a record covers: those of its own read, and those announced.
func (r *logLine) spans() []span {
	return []span{{r.UID, r.Path, r.Off, r.Off + r.Len}, {r.UID, r.Path, r.CoverFrom, r.CoverTo}}
}

// lines returns the records since the last call.
func (l *logReader) lines() ([]logLine, error) {
	f, err := os.Open(filepath.Join(l.dir, "audit.jsonl"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(l.at, io.SeekStart); err != nil {
		return nil, err
	}
	var list []logLine
	for r := bufio.NewReader(f); ; {
		text, err := r.ReadBytes('\n')
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		l.at += int64(len(text))
		var line logLine
		if err := json.Unmarshal(text, &line); err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		list = append(list, line)
	}
}

// reads returns what the log covers since the last call.
func (l *logReader) reads() (list []span, err error) {
	lines, err := l.lines()
	for i := range lines {
		if lines[i].gives() {
			list = append(list, lines[i].spans()...)
		}
	}
	return list, err
}

// uncovered returns the reads of which a byte is in no record. A record stands before the answer, so that of a kill in
// between there is one too many, never one too few.
func uncovered(got, records []span) []string {
	type file struct {
		uid  int
		path string
	}
	byFile := map[file][]span{}
	for _, r := range records {
		k := file{r.uid, r.path}
		byFile[k] = append(byFile[k], r)
	}
	for _, list := range byFile {
		slices.SortFunc(list, func(a, b span) int { return int(a.off - b.off) })
	}
	var bad []string
	for _, g := range got {
		at := g.off
		for _, r := range byFile[file{g.uid, g.path}] {
			if r.off <= at && r.end > at {
				at = r.end
			}
		}
		if at < g.end {
			bad = append(bad, fmt.Sprintf("uid %d was given bytes %d to %d of %s, recorded up to %d", g.uid, g.off, g.end, g.path, at))
		}
	}
	return bad
}

// insideMatter is a worker's path as the log has it.
func insideMatter(uid int, name string) string {
	return strings.Join([]string{fmt.Sprint("u", uid), name}, "/")
}
