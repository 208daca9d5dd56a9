package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"matterfs/audit"
	"matterfs/fs"
)

const (
	// opWhy asks the daemon about the caller's own access; every uid may.
	opWhy = "why"
	// whyLimit is how often a uid may ask in whyWindow.
	whyLimit  = 20
	whyWindow = 10 * time.Second
	// recallRecords is how many records of the log's end are looked through for
	// refusals at a start.
	recallRecords = 20000
)

// whyReport answers opWhy. Reason is nil when nothing was refused.
type whyReport struct {
	Reason *fs.Reason `json:"reason,omitempty"`
}

func newWhy(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "why [PATH]",
		Short: "tell why you may not open something, and whom to ask",
		Long: "why tells what the drive last refused you, by which rule, and who can help. With PATH, which lies in the\n" +
			"drive or is MATTER/FOLDER/FILE, it tells whether you may read that. It answers about your own access only,\n" +
			"and ends with 0 when you may and 1 when you may not. The same stands in your own folder in the drive.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runWhy(a, optional(args, 0)) },
	}
}

func runWhy(a *app, path string) error {
	c, inside, err := a.dialAbout(path)
	if err != nil {
		return err
	}
	defer c.close()
	q := controlRequest{Op: opWhy, Name: inside}
	if path != "" && inside == "" {
		q.Name = "/"
	}
	reply, err := c.request(q)
	if err != nil {
		return err
	}
	if reply.Why == nil {
		return fmt.Errorf("the daemon does not know %q", opWhy)
	}
	return a.showWhy(reply.Why)
}

func (a *app) showWhy(w *whyReport) error {
	switch r := w.Reason; {
	case a.json:
		return answer(r == nil || r.Allowed, a.printJSON(w))
	case r == nil:
		a.say(msgNothingRefused)
		return nil
	case r.Allowed:
		return a.printf("%s %s\n", a.text(msgAllowed), r.Rule)
	default:
		return answer(false, a.printf("%s", r.Text(time.Local)))
	}
}

// dialAbout connects to the daemon whose drive a path lies in, and gives the
// path inside it. A path in no drive is one inside the only drive here.
func (a *app) dialAbout(path string) (*client, string, error) {
	if path != "" {
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, "", err
		}
		list, err := mounts()
		if err != nil {
			return nil, "", err
		}
		for i := len(list) - 1; i >= 0; i-- {
			id, ours := strings.CutPrefix(list[i].source, sourceName(""))
			rest, below := strings.CutPrefix(abs+"/", strings.TrimSuffix(list[i].target, "/")+"/")
			if ours && below && list[i].fstype == fsType {
				c, err := a.dialStore(id)
				return c, strings.Trim(rest, "/"), err
			}
		}
	}
	c, err := a.dialOne("")
	return c, strings.Trim(path, "/"), err
}

// asks counts questions, so that nobody keeps the daemon busy with them.
type asks struct {
	mu    sync.Mutex
	since time.Time
	count map[uint32]int
}

// tooMany counts a question of uid and tells whether it is one too many.
func (s *asks) tooMany(uid uint32, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count == nil || now.Sub(s.since) >= whyWindow {
		s.since, s.count = now, map[uint32]int{}
	}
	s.count[uid]++
	return s.count[uid] > whyLimit
}

// why answers somebody about their own access, and nobody else's.
func (d *daemon) why(who actor, q controlRequest) controlReply {
	if d.whyAsks.tooMany(who.uid, time.Now()) {
		return refusal(fmt.Errorf("more than %d questions in %v: %w", whyLimit, whyWindow, os.ErrPermission))
	}
	if q.Name == "" {
		last, ok := d.srv.LastRefusal(who.uid)
		if !ok {
			return controlReply{OK: true, Why: &whyReport{}}
		}
		return controlReply{OK: true, Why: &whyReport{Reason: &last}}
	}
	r := d.srv.Why(who.uid, q.Name)
	rec := audit.Record{Ev: "why", Res: "ok", Path: r.Path, Rule: r.Rule}
	if !r.Allowed {
		rec.Res = "deny"
	}
	if err := d.record(who, rec); err != nil {
		return refusal(err)
	}
	return controlReply{OK: true, Why: &whyReport{Reason: &r}}
}

// recallRefusals gives people what they were refused before a restart.
func (d *daemon) recallRefusals() {
	last, _ := d.log.Head()
	from := uint64(0)
	if last > recallRecords {
		from = last - recallRecords
	}
	err := audit.ReadFrom(d.s.Log, from, func(_ []byte, rec *audit.Parsed) error {
		d.srv.Recall(rec)
		return nil
	})
	d.warn("recall refusals", err)
}
