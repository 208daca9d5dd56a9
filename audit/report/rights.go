package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"matterfs/audit"
)

// rightsTexts are words that the reports about rights share.
var rightsTexts = texts{
	"rights": {"rights", "权限"}, "folder": {"folder", "文件夹"}, "since": {"since", "自"}, "until": {"until", "至"}, "role": {"role", "角色"},
	"status": {"status", "状态"}, "org": {"organisation", "机构"}, "change": {"change", "变动"}, "used": {"used", "用过"}, "lead": {"lead", "负责人"},
	"keep": {"keep", "保留"}, "drop": {"drop", "撤销"}, "done": {"done", "完成"}, "policy": {"policy", "策略"}, "kept": {"kept", "留存"},
	"active": {"active", "在职"}, "departed": {"departed", "已离职"}, "gone": {"in no policy any more", "已不在策略中"},
	"m.active": {"active", "进行中"}, "m.closed": {"closed", "已结案"}, "m.sealed": {"sealed", "已封存"}, "m.destroyed": {"destroyed", "已销毁"}, "anyorg": {"none stated", "未注明"},
	"limit.drive":  {"Rights are what the policy allowed; when the drive was not served nobody could use them.", "权限以策略为准;未提供服务期间无人可用。"},
	"limit.lists":  {"Opening and making documents is use; looking at names is not counted.", "打开或新建文件计为使用;仅查看文件名不计。"},
	"gap.lost":     {"The files of policies that were in force are lost: %d of %d; what they allowed is not known.", "曾生效的 %[2]d 份策略中有 %[1]d 份文件缺失:其间的权限不明。"},
	"gap.groups":   {"Unix groups that give access: %d; who is in them is known of the day of the facts only, and taken to have been so all the time.", "授予权限的系统组有 %d 个:只知制作事实当日的成员,全期间均按此计。"},
	"gap.first":    {"The log begins with record %d: who was stopped before and still was is not known.", "日志自第 %d 条记录开始:此前已停用且延续至其后的情形不明。"},
	"gap.mended":   {"The state log was mended (state.accept): more may have been stopped than the log says.", "状态日志曾经修复(state.accept):实际停用的可能多于日志所载。"},
	"gap.seals":    {"Folders carry levels of their own, as relabel records tell; moves of a folder above such a one are not followed.", "部分文件夹自带密级(据 relabel 记录);其上级文件夹被移动的情形未计。"},
	"gap.bad":      {"Lines of the log that are no records: %d.", "日志中有 %d 行不是记录。"},
	"limit.future": {"The facts end at %s: what comes after is not in this report.", "事实截至 %s;其后情形不在本报告内。"},
}

// held knows who could do what in which place, and counts what was done under which right.
//
// An access belongs to the right of its person, at its place, in force at its time. The place is the deepest of the matter's folders
// above the document, else the matter. A policy acts a moment before its record, so that an access is held against the policy that
// its own record names: when that was not in force at its time it is taken to have been made at the nearest moment when it was, up
// to a minute away. What belongs to no right is a stray: somebody did what nobody knows that they could.
//
// A folder in which everybody could do, for all of the period of the report, what they could in the folder or matter around it is plain:
// its rights are left out, and what is below it belongs to what is around it.
type held struct {
	in       *Input
	byKey    map[rightKey][]int
	byMatter map[string][]int
	folders  map[string][]string // by matter, the longest first; without the plain ones
	did      map[int]*tally      // by the index of a right
	strays   groups[rightKey]
}

// rightKey is a person in a place.
type rightKey struct{ user, matter, path string }

func newHeld(in *Input) *held {
	h := &held{in: in, byKey: map[rightKey][]int{}, byMatter: map[string][]int{}, folders: map[string][]string{}, did: map[int]*tally{}, strays: groups[rightKey]{}}
	at := map[string][]int{} // rights by matter
	for i, r := range in.Facts.Rights {
		at[r.Matter] = append(at[r.Matter], i)
	}
	for id, list := range at {
		h.fold(id, list)
	}
	return h
}

// fold takes the rights of a matter, but for its plain folders.
func (h *held) fold(id string, list []int) {
	of := map[string]map[string]bool{"": {}} // what was possible, by place
	for _, folder := range h.in.Facts.Matters[id].Folders {
		of[folder] = map[string]bool{}
	}
	for _, i := range list {
		if r := h.right(i); of[r.Path] != nil && r.touches(h.in.From, h.in.Until) {
			of[r.Path][h.spanText(r)] = true
		}
	}
	outer := slices.SortedFunc(maps.Keys(of), func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
	for _, folder := range outer[1:] {
		if !maps.Equal(of[folder], of[h.place(id, folder)]) {
			h.folders[id] = slices.Insert(h.folders[id], 0, folder)
		}
	}
	for _, i := range list {
		r := h.right(i)
		if r.Path != "" && !slices.Contains(h.folders[id], r.Path) {
			continue
		}
		k := rightKey{r.User, r.Matter, r.Path}
		h.byKey[k] = append(h.byKey[k], i)
		h.byMatter[id] = append(h.byMatter[id], i)
		if one := h.byKey[k]; len(one) > 1 && r.From.Before(h.right(one[len(one)-2]).From) {
			slices.SortFunc(one, func(a, b int) int { return h.right(a).From.Compare(h.right(b).From) })
		}
	}
}

// spanText is a right within the period of the report.
func (h *held) spanText(r *Right) string {
	from, to := r.From, r.To
	if from.Before(h.in.From) {
		from = h.in.From
	}
	if to.IsZero() || to.After(h.in.Until) {
		to = h.in.Until
	}
	return strings.Join(append([]string{r.User, from.UTC().Format(time.RFC3339Nano), to.UTC().Format(time.RFC3339Nano), r.Rule}, r.Rights...), "\x00")
}

func (h *held) right(i int) *Right { return &h.in.Facts.Rights[i] }

// place is the deepest folder with rights of its own at or above a path.
func (h *held) place(matter, path string) string {
	for _, f := range h.folders[matter] {
		if path == f || strings.HasPrefix(path, f+"/") {
			return f
		}
	}
	return ""
}

// stood tells whether a right was in force at a moment.
func (r *Right) stood(at time.Time) bool {
	return !at.Before(r.From) && (r.To.IsZero() || at.Before(r.To))
}

// touches tells whether a right was in force at some moment from one time on and before another; what lies after the facts were made
// is not known.
func (r *Right) touches(from, until time.Time) bool {
	return r.From.Before(until) && (r.To.IsZero() || r.To.After(from))
}

// at finds the right of somebody in a place at a moment; false: none.
func (h *held) at(k rightKey, at time.Time) (int, bool) {
	for _, i := range h.byKey[k] {
		if h.right(i).stood(at) {
			return i, true
		}
	}
	return 0, false
}

// actsBefore bounds how long a policy may have acted before the record of its load.
const actsBefore = time.Minute

// asked is the moment at which an access is held against the rights.
func (h *held) asked(p *audit.Parsed) time.Time {
	best, off := p.Time, actsBefore+1
	for i := range h.in.Facts.Policies {
		s := &h.in.Facts.Policies[i]
		if s.Hash != p.Pol {
			continue
		}
		switch {
		case p.Time.Before(s.From):
			if d := s.From.Sub(p.Time); d < off {
				best, off = s.From, d
			}
		case s.To.IsZero() || p.Time.Before(s.To):
			return p.Time
		default:
			if d := p.Time.Sub(s.To); d < off {
				best, off = s.To.Add(-time.Microsecond), d
			}
		}
	}
	return best
}

// take counts an open; false: it is a stray.
func (h *held) take(p *audit.Parsed, who string) bool {
	k := rightKey{who, p.Matter, h.place(p.Matter, p.Path)}
	i, ok := h.at(k, h.asked(p))
	if !ok {
		h.strays.of(k).add(p, who)
		return false
	}
	if h.did[i] == nil {
		h.did[i] = newTally()
	}
	h.did[i].add(p, who)
	return true
}

// used is what was done under a right.
func (h *held) used(i int) *tally {
	if t := h.did[i]; t != nil {
		return t
	}
	return newTally()
}

// since says when a right began that may be older than the log.
func (h *held) oldest(r *Right) bool {
	return len(h.in.Facts.Policies) > 0 && !r.From.After(h.in.Facts.Policies[0].From)
}

// next is the right that follows one of the same person and place; false: none.
func (h *held) next(i, by int) (*Right, bool) {
	r := h.right(i)
	list := h.byKey[rightKey{r.User, r.Matter, r.Path}]
	if at := slices.Index(list, i) + by; at >= 0 && at < len(list) {
		return h.right(list[at]), true
	}
	return nil, false
}

// FactsSpanError is a report about a time that the facts at hand do not reach.
type FactsSpanError struct {
	Report string
	Want   time.Time // the time that is asked about begins here
	Since  time.Time // and the facts here
}

// Error says how to make facts that do.
func (e *FactsSpanError) Error() string {
	from := "all of the log"
	if !e.Want.IsZero() {
		from = "the time from " + e.Want.Format(time.RFC3339) + " on"
	}
	return fmt.Sprintf("report %s: is about %s, and the facts have only rights from %s on: make them anew with an earlier --since, or none",
		e.Report, from, e.Since.Format(time.RFC3339))
}

// inFacts refuses a name that the facts do not have, most likely misspelt; none is none.
func inFacts[V any](key, name string, of map[string]V) error {
	if _, known := of[name]; known || name == "" {
		return nil
	}
	return &AbsentError{Key: key, Value: name, Like: audit.Nearest(name, slices.Collect(maps.Keys(of)))}
}

// covers refuses facts that begin too late.
func (in *Input) covers(name string, from time.Time) error {
	if in.Facts.Since.After(from) {
		return &FactsSpanError{name, from, in.Facts.Since}
	}
	return nil
}

// rightsLimits are what no report about rights can show.
func (in *Input) rightsLimits() []string {
	list := []string{in.text(rightsTexts, "limit.drive"), in.text(rightsTexts, "limit.lists"), in.text(nameTexts, "limit.verify")}
	for _, gap := range in.Facts.Gaps {
		list = append(list, in.gap(gap))
	}
	if f := in.Facts; f.Until.Before(in.Until) {
		list = append(list, in.text(rightsTexts, "limit.future", f.Until.In(in.Zone).Format(time.DateTime)))
	}
	return list
}

// gap is what is not known in words.
func (in *Input) gap(g Gap) string {
	switch g.What {
	case "lost":
		return in.text(rightsTexts, "gap.lost", g.N, g.Of)
	case "groups", "first", "bad":
		return in.text(rightsTexts, "gap."+g.What, g.N)
	case "mended", "seals":
		return in.text(rightsTexts, "gap."+g.What)
	}
	return g.What // of a newer program
}

// merge gives a table of texts the shared words of rights.
func (t texts) merge(more texts) texts {
	for key, pair := range more {
		if _, own := t[key]; !own {
			t[key] = pair
		}
	}
	return t
}

// personStatus is somebody's standing in words.
func (in *Input) personStatus(one *Person) string {
	if one.Status == "" {
		return ""
	}
	return in.text(rightsTexts, one.Status)
}

// filterValues are the values of a condition.
func filterValues(list []string) string {
	quoted := make([]string, len(list))
	for i, v := range list {
		quoted[i] = audit.FilterValue(v)
	}
	return strings.Join(quoted, ",")
}

// statusOf is the status of a matter in words; one that this version does not know stands as it is.
func (in *Input) statusOf(m Matter) string {
	key := "m." + cmp.Or(m.Status, "active")
	if _, known := rightsTexts[key]; !known {
		return m.Status
	}
	return in.text(rightsTexts, key)
}
