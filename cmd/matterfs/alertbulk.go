package main

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"matterfs/audit"
)

const (
	bulkFilesKey = "hooks.bulk-files"
	bulkBytesKey = "hooks.bulk-bytes"

	bulkFilesDefault = "300"
	bulkBytesDefault = "4G"
	bulkNever        = "never"

	// bulkHour is the time in which so many documents or bytes are many; bytes are counted by bulkStep.
	bulkHour = time.Hour
	bulkStep = 5 * time.Minute
)

// bulkRule is when somebody reads in bulk: more than so many different documents opened for reading, or more than so many bytes,
// within an hour. 0: never.
type bulkRule struct {
	files int
	bytes int64
}

func (s *settings) bulkRule() (r bulkRule, err error) {
	files, err := s.bulkNumber(bulkFilesKey, s.BulkFiles, 1_000_000)
	if err != nil {
		return r, err
	}
	r.files = int(files)
	r.bytes, err = s.bulkNumber(bulkBytesKey, s.BulkBytes, 1<<50)
	return r, err
}

// bulkNumber reads a number, which may end with K, M, G or T (powers of 1024), or never.
func (s *settings) bulkNumber(key, text string, most int64) (int64, error) {
	if text == bulkNever {
		return 0, nil
	}
	digits, shift := text, 0
	if i := strings.IndexByte("KMGT", (text + " ")[max(len(text)-1, 0)]); i >= 0 {
		digits, shift = text[:len(text)-1], 10*(i+1)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 || n > most>>shift {
		return 0, usagef("%s: %s must be a number from 1 to %d, which may end with K, M, G or T, or %s, not %q", s.Config, key, most, bulkNever, text)
	}
	return n << shift, nil
}

// bulk watches how much each person reads. Nobody waits for it longer than for a look into a small map.
type bulk struct {
	rule bulkRule

	mu     sync.Mutex // guards people
	people map[uint32]*reading
}

// reading is what one uid read lately.
type reading struct {
	docs  map[string]time.Time // when each document was opened last
	steps [bulkHour / bulkStep]struct {
		n     int64 // number of the step since 1970
		bytes int64
	}
}

func newBulk(r bulkRule) *bulk { return &bulk{rule: r, people: map[uint32]*reading{}} }

// bulkReads tells whether a record is one of those that count.
func bulkReads(r *audit.Record) bool {
	switch r.Ev {
	case "read", "fill":
		return r.Res == "ok"
	case "open":
		return r.Res == "ok" && r.FID != "" && strings.Contains(r.Flags, "r")
	}
	return false
}

// seen counts a record that is in the log. Bytes are those that records announce: a reader that stops early is counted for what it
// could have read without another record.
func (b *bulk) seen(r *audit.Record, now time.Time, tell func(alert)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.people[r.UID]
	if p == nil {
		p = &reading{docs: map[string]time.Time{}}
		b.people[r.UID] = p
	}
	what := ""
	if r.Ev == "open" {
		what = p.opened(r.FID, now, b.rule.files)
	} else {
		what = p.read(r.Len+max(r.CoverTo-r.CoverFrom, 0), now, b.rule.bytes)
	}
	if what != "" {
		uid := r.UID
		tell(alert{Time: now, Since: now.Add(-bulkHour), What: alertBulk, State: stateEvent, Text: what, User: r.User, UID: &uid})
	}
}

// opened counts a document. When there are too many counting begins anew, so that as many more are told again.
func (p *reading) opened(fid string, now time.Time, most int) string {
	if most == 0 {
		return ""
	}
	if p.docs[fid] = now; len(p.docs) <= most {
		return ""
	}
	for f, at := range p.docs {
		if now.Sub(at) >= bulkHour {
			delete(p.docs, f)
		}
	}
	if len(p.docs) <= most {
		return ""
	}
	clear(p.docs)
	return fmt.Sprintf("opened more than %d documents within an hour", most)
}

// read counts bytes in the same manner.
func (p *reading) read(bytes int64, now time.Time, most int64) string {
	if most == 0 {
		return ""
	}
	n := now.Unix() / int64(bulkStep/time.Second)
	at := &p.steps[n%int64(len(p.steps))]
	if at.n != n {
		at.n, at.bytes = n, 0
	}
	at.bytes += bytes
	sum := int64(0)
	for _, s := range p.steps {
		if n-s.n < int64(len(p.steps)) {
			sum += s.bytes
		}
	}
	if sum <= most {
		return ""
	}
	clear(p.steps[:])
	return fmt.Sprintf("read more than %d bytes within an hour", most)
}

// recordBulk writes the record that goes with an alert, in the name of who read.
func (d *daemon) recordBulk(al alert) {
	who := actor{uid: *al.UID, auid: -1}
	d.warn("record a reading in bulk", d.record(who, audit.Record{Ev: alertBulk, Res: "ok", Note: al.Text}))
}
