package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// anomalyRules are the numbers that detectors compare with; all of them are parameters, and the report prints them.
type anomalyRules struct {
	history   int   // days before the period that are read
	past      int   // active days before a day that it is compared with
	minDays   int   // active days that make a past
	mads      int   // deviations above the median
	docs      int64 // documents a day below which nothing is bulk
	bytes     int64 // likewise bytes
	tooling   int64 // likewise documents opened with copying tools
	after     int64 // opens at odd hours on a day
	known     int   // days that a matter must have been in use by others
	rate      int64 // refusals within rateWindow
	names     int64 // different names refused within nameWindow
	leaving   int   // days before somebody leaves
	uses      int64 // documents opened with a program that is new to somebody
	tools     map[string]bool
	shown     int
	work      [2]int // half hours: from, and before
	weekend   map[time.Weekday]bool
	free, odd map[int]bool // holidays; weekend days that are worked
}

const (
	rateWindow = 10 * time.Minute
	nameWindow = time.Hour
	copyTools  = "cp,mv,rsync,scp,sftp,sftp-server,tar,zip,7z,7za,rar,dd,curl,wget,rclone,git,gpg,cpio,robocopy"
)

func anomalyParams() []ParamSpec {
	p := func(key, value, en, zh string) ParamSpec {
		return ParamSpec{Key: key, Default: value, Help: [2]string{en, zh}}
	}
	return []ParamSpec{
		p("user", "", "user", "用户"),
		p("work", "08:00-20:00", "working hours", "工作时间"),
		p("weekend", "6,7", "days of the week without work (Monday is 1)", "休息日(周一为 1)"),
		p("holidays", "", "public holidays, as 2026-10-01..2026-10-08,2026-12-25", "法定节假日,如 2026-10-01..2026-10-08"),
		p("workdays", "", "weekend days that are worked", "调休上班日"),
		p("history", "180", "days before the period that are read", "期间之前读取的天数"),
		p("past", "60", "active days that a day is compared with", "用于比较的活动日数"),
		p("min-days", "10", "active days that make a past", "构成以往记录的最少活动日数"),
		p("mads", "6", "deviations (MAD) above the median", "高于中位数的离差(MAD)倍数"),
		p("docs", "50", "documents a day that are never bulk", "每日文件数下限"),
		p("megabytes", "500", "megabytes a day that are never bulk", "每日读取量下限(MB)"),
		p("copied", "20", "documents a day that tools may open", "每日工具打开文件数下限"),
		p("after", "10", "opens a day at odd hours", "每日非常时段打开次数下限"),
		p("known", "14", "days that a matter was in use by others", "案件已被他人使用的天数"),
		p("rate", "10", "refusals in 10 minutes", "10 分钟内拒绝次数"),
		p("names", "8", "different names refused in an hour", "1 小时内被拒的不同名称数"),
		p("leaving", "30", "days before somebody leaves", "离任前天数"),
		p("uses", "3", "documents opened with a new program", "新程序打开文件数下限"),
		p("tools", copyTools, "programs that copy", "复制类程序"),
		p("shown", "200", "findings that are listed", "列出的发现数"),
	}
}

// readAnomalyRules reads the parameters; what is wrong with one is a *ParamError.
func readAnomalyRules(in Input) (r anomalyRules, c calendar, err error) {
	p := paramReader{in: in}
	r = anomalyRules{history: p.int("history"), past: p.int("past"), minDays: p.int("min-days"), mads: p.int("mads"), known: p.int("known"), leaving: p.int("leaving"),
		shown: p.int("shown"), docs: int64(p.int("docs")), bytes: int64(p.int("megabytes")) * 1_000_000, tooling: int64(p.int("copied")), after: int64(p.int("after")),
		rate: int64(p.int("rate")), names: int64(p.int("names")), uses: int64(p.int("uses")), tools: map[string]bool{}}
	for name := range strings.SplitSeq(in.Params["tools"], ",") {
		r.tools[strings.TrimSpace(name)] = true
	}
	delete(r.tools, "")
	r.work = p.hours("work")
	r.weekend, r.free, r.odd = p.weekdays("weekend"), p.dates("holidays"), p.dates("workdays")
	return r, calendar{in.Zone, r}, p.err
}

// paramReader reads parameters and keeps the first thing that is wrong.
type paramReader struct {
	in  Input
	err error
}

func (p *paramReader) bad(key, format string, args ...any) {
	if p.err == nil {
		p.err = &ParamError{Report: "anomalies", Key: key, What: fmt.Sprintf(format, args...)}
	}
}

func (p *paramReader) int(key string) int {
	n, err := strconv.ParseUint(p.in.Params[key], 10, 20)
	if err != nil || n == 0 {
		p.bad(key, "is %q, not a number from 1 to 1048575", p.in.Params[key])
	}
	return int(n)
}

// hours reads "08:00-20:00", whole or half hours.
func (p *paramReader) hours(key string) (h [2]int) {
	from, to, ok := strings.Cut(p.in.Params[key], "-")
	for i, s := range []string{from, to} {
		if s == "24:00" {
			h[i] = slots
			continue
		}
		t, err := time.Parse("15:04", s)
		ok = ok && err == nil && t.Minute()%30 == 0
		h[i] = t.Hour()*2 + t.Minute()/30
	}
	if !ok || h[0] >= h[1] {
		p.bad(key, "is %q, not two times like 08:30-18:00, of whole or half hours", p.in.Params[key])
	}
	return h
}

func (p *paramReader) weekdays(key string) map[time.Weekday]bool {
	set := map[time.Weekday]bool{}
	for s := range strings.SplitSeq(p.in.Params[key], ",") {
		n, err := strconv.Atoi(s)
		if s == "" {
			continue
		}
		if err != nil || n < 1 || n > 7 {
			p.bad(key, "is %q, not numbers from 1 (Monday) to 7", p.in.Params[key])
		}
		set[time.Weekday(n%7)] = true
	}
	return set
}

// dates reads days and spans of days.
func (p *paramReader) dates(key string) map[int]bool {
	set := map[int]bool{}
	for _, s := range slices.DeleteFunc(strings.Split(p.in.Params[key], ","), func(s string) bool { return s == "" }) {
		from, to, span := strings.Cut(s, "..")
		if !span {
			to = from
		}
		first, err1 := time.Parse(time.DateOnly, from)
		last, err2 := time.Parse(time.DateOnly, to)
		if err1 != nil || err2 != nil || last.Before(first) || last.Sub(first) > 366*24*time.Hour {
			p.bad(key, "has %q, not a day like 2026-10-01 or days like 2026-10-01..2026-10-08", s)
			continue
		}
		for d := first; !d.After(last); d = d.AddDate(0, 0, 1) {
			set[dayNumber(d)] = true
		}
	}
	return set
}

// calendar knows the firm's days.
type calendar struct {
	zone  *time.Location
	rules anomalyRules
}

// dayNumber counts the days of the calendar; a time's own zone says which day it is.
func dayNumber(t time.Time) int {
	y, m, d := t.Date()
	return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

func (c calendar) number(t time.Time) int { return dayNumber(t.In(c.zone)) }

// start is the first moment of a day.
func (c calendar) start(day int) time.Time {
	d := time.Unix(int64(day)*86400, 0).UTC()
	return time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, c.zone)
}

func (c calendar) slot(t time.Time) int {
	t = t.In(c.zone)
	return t.Hour()*2 + t.Minute()/30
}

// worked says whether the firm works on a day.
func (c calendar) worked(day int) bool {
	if c.rules.odd[day] {
		return true
	}
	return !c.rules.free[day] && !c.rules.weekend[time.Unix(int64(day)*86400, 0).UTC().Weekday()]
}

// working says whether the firm works in a half hour of a day.
func (c calendar) working(day, slot int) bool {
	return c.worked(day) && slot >= c.rules.work[0] && slot < c.rules.work[1]
}
