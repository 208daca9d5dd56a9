package fs

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"matterfs/audit"
	"matterfs/policy"
)

// How many refusals a person's own list holds, for how long, and how far back a repeat is
// counted instead of listed again.
const (
	maxNotices    = 200
	noticesKept   = 30 * 24 * time.Hour
	noticesRepeat = 16
)

// notice is a refusal as the refused person may read of it. A name at the root that they may
// not know of has neither matter nor rule, as a name that nobody has.
type notice struct {
	ev, matter, path, level, rule string

	at    time.Time // the last time
	count int
}

func (n *notice) same(o *notice) bool {
	return n.ev == o.ev && n.matter == o.matter && n.path == o.path && n.rule == o.rule
}

// notices remembers the refusals of each user of the policy, newest last.
type notices struct {
	mu sync.Mutex // guards of
	of map[uint32][]notice
}

func newNotices() *notices { return &notices{of: map[uint32][]notice{}} }

// add notes a refusal.
func (s *notices) add(uid uint32, n notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.of[uid]
	for i := len(list) - 1; i >= max(0, len(list)-noticesRepeat); i-- {
		if list[i].same(&n) {
			n.count += list[i].count
			list = slices.Delete(list, i, i+1)
			break
		}
	}
	if len(list) >= maxNotices {
		list = slices.Delete(list, 0, len(list)-maxNotices+1)
	}
	s.of[uid] = append(list, n)
}

// list is what uid was refused since a moment, newest first.
func (s *notices) list(uid uint32, since time.Time) []notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []notice
	for _, n := range slices.Backward(s.of[uid]) {
		if n.at.After(since) {
			list = append(list, n)
		}
	}
	return list
}

// notify keeps a refusal for its person. What they may not know of inside a matter is left
// out: an absent name there is no refusal, so a line on it would tell that there is something.
func (r *request) notify() {
	d := &r.dec
	n := notice{ev: table[r.m].ev, matter: r.on.matter, path: r.on.path, level: d.Level, rule: d.Rule, at: r.fs.now(), count: 1}
	if d.User == "" {
		return
	}
	if d.Shown == policy.Hidden {
		if r.m != mLookup || r.node == nil || !r.node.isRoot() {
			return
		}
		n = notice{ev: n.ev, path: rootName(r.st.policy, n.matter, n.path), at: n.at, count: 1}
	}
	r.fs.notices.add(r.hdr.Uid, n)
}

// rootName is the name at the root that a lookup was about.
func rootName(p *policy.Policy, matter, path string) string {
	if m, ok := p.Matter(matter); ok {
		return m.Folder
	}
	return path
}

// Recall tells the drive of a refusal before it was mounted, oldest first, so that people find
// it in their own folder. Records of other things are passed over.
func (s *Server) Recall(rec *audit.Parsed) {
	st := s.fs.state.Load()
	u, known := st.policy.UserByUID(rec.UID)
	if rec.Res != "deny" || !rec.HasUID || !known || rec.User != u.Name {
		return
	}
	n := notice{ev: rec.Ev, matter: rec.Matter, path: rec.Path, level: rec.Level, rule: rec.Rule, at: rec.Time, count: max(1, rec.Count)}
	if rec.Ev == table[mLookup].ev && (rec.Matter == "" || rec.Path == "" && st.hides(rec.UID, &n, s.fs.now())) {
		n = notice{ev: n.ev, path: rootName(st.policy, rec.Matter, rec.Path), at: n.at, count: n.count}
	}
	s.fs.notices.add(rec.UID, n)
}

// hides reports whether uid may not know now of what a notice is about.
func (s *state) hides(uid uint32, n *notice, now time.Time) bool {
	if n.matter == "" {
		return false
	}
	t := target{matter: n.matter, path: n.path}
	if n.level != "" {
		t.sealed = []string{n.level}
	}
	d := s.decide(uid, policy.OpLookup, t, now)
	return !d.Allow && d.Shown == policy.Hidden
}

// Reason says to a person why they were refused something, or that they were not.
type Reason struct {
	Allowed bool      `json:"allowed"`
	At      time.Time `json:"at"`
	// Count is how often, 0 where Rule is "": the kernel asks more than once for a name in
	// use, and once for an absent one, so that the number would tell them apart.
	Count int      `json:"count,omitempty"`
	Ev    string   `json:"ev"`             // as in the audit log
	Path  string   `json:"path"`           // in the drive
	Rule  string   `json:"rule,omitempty"` // "" for what they may not know of, or what there is not
	ZH    string   `json:"zh"`             // why, one sentence in Chinese
	EN    string   `json:"en"`             // the same in English
	Ask   []string `json:"ask"`            // login names of who can help
}

// reason puts a notice in words.
func (s *state) reason(user string, n *notice) Reason {
	r := Reason{At: n.at, Count: n.count, Ev: n.ev, Path: n.path, Rule: n.rule, Ask: s.policy.Ask(user, n.matter, n.rule)}
	if m, ok := s.policy.Matter(n.matter); ok {
		r.Path = strings.TrimSuffix(m.Folder+"/"+n.path, "/")
	}
	if n.rule == "" {
		r.Count, r.ZH, r.EN = 0, policy.HiddenText("zh"), policy.HiddenText("en")
	} else {
		r.ZH, r.EN = policy.RuleText(n.rule, "zh"), policy.RuleText(n.rule, "en")
	}
	return r
}

// reasons are a person's refusals that they may still know of, newest first.
func (f *fileSystem) reasons(uid uint32, user string) []Reason {
	st, now := f.state.Load(), f.now()
	var list []Reason
	for _, n := range f.notices.list(uid, now.Add(-noticesKept)) {
		if !st.hides(uid, &n, now) {
			list = append(list, st.reason(user, &n))
		}
	}
	return list
}

// words are the events as people call them.
var words = map[string]string{
	"lookup": "查看", "getattr": "查看", "access": "查看", "list": "列目录", "open": "打开", "read": "读取", "fill": "映射读取",
	"write": "写入", "writeback": "写入", "create": "新建", "mkdir": "新建文件夹", "symlink": "新建链接", "link": "新建硬链接",
	"unlink": "删除", "rmdir": "删除文件夹", "rename": "移动或改名", "setattr": "更改属性", "setxattr": "更改属性", "getxattr": "读取属性",
}

// Text is a reason as its person reads it: Chinese first, an English line after.
func (r *Reason) Text(zone *time.Location) string {
	var b strings.Builder
	what := words[r.Ev]
	if what == "" {
		what = r.Ev
	}
	path := r.Path
	if path == "" {
		path = "/"
	}
	fmt.Fprintf(&b, "%s  %s(%s) %q", r.At.In(zone).Format(time.DateTime), what, r.Ev, path)
	if r.Count > 1 {
		fmt.Fprintf(&b, " ×%d", r.Count)
	}
	rule := ""
	if r.Rule != "" {
		rule = " [" + r.Rule + "]"
	}
	fmt.Fprintf(&b, "\n    原因:%s%s", r.ZH, rule)
	if len(r.Ask) > 0 {
		fmt.Fprintf(&b, "。可联系:%s", strings.Join(r.Ask, "、"))
	}
	fmt.Fprintf(&b, "\n    why: %s%s", r.EN, rule)
	if len(r.Ask) > 0 {
		fmt.Fprintf(&b, "; ask %s", strings.Join(r.Ask, ", "))
	}
	b.WriteByte('\n')
	return b.String()
}
