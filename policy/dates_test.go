package policy

import (
	"strings"
	"testing"
	"time"
)

// TestDayStart compares with a search minute by minute, in zones that jump over
// midnight, fall back to it, leave out a whole day, or do nothing of the kind.
func TestDayStart(t *testing.T) {
	for zone, days := range map[string][]string{
		"America/Sao_Paulo":   {"2018-11-04", "2018-02-18", "2018-06-01"}, // midnight left out; twice 23:00
		"Asia/Beirut":         {"2021-03-28", "2021-10-31"},
		"America/Havana":      {"2021-03-14", "2021-11-07"}, // midnight left out; twice
		"Africa/Cairo":        {"2023-04-28", "2023-10-27"},
		"Atlantic/Azores":     {"2021-03-28", "2021-10-31"},                             // 00:00 becomes 01:00; 01:00 becomes 00:00
		"Pacific/Apia":        {"2011-12-29", "2011-12-30", "2011-12-31", "2012-01-01"}, // no 30 December
		"America/St_Johns":    {"2010-03-14", "2010-11-07"},                             // at one minute past midnight
		"Australia/Lord_Howe": {"2021-04-04", "2021-10-03"},
		"Asia/Shanghai":       {"1991-04-14", "2026-12-31", "2100-02-28"},
		"UTC":                 {"2026-12-31", "1900-01-01"},
	} {
		place, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, day := range days {
			date, _ := time.Parse(time.DateOnly, day)
			got := dayStart(date.Year(), date.Month(), date.Day(), place)
			if want := firstMinute(day, date, place); !got.Equal(want) {
				t.Errorf("%s in %s begins at %v, not %v", day, zone, got, want)
			}
		}
	}
}

// firstMinute is the first minute that is on the day or later.
func firstMinute(day string, date time.Time, place *time.Location) time.Time {
	for at := date.Add(-30 * time.Hour); ; at = at.Add(time.Minute) {
		if at.In(place).Format(time.DateOnly) >= day {
			return at
		}
	}
}

// TestUntilTheLastHour: a day that ends at 24:00 where the next begins at 01:00
// is whole, in decisions and in what is said of them.
func TestUntilTheLastHour(t *testing.T) {
	p, err := Parse(map[string][]byte{
		"firm.yaml": []byte("version: 1\ntimezone: America/Sao_Paulo\n" + small),
		"x.yaml":    []byte("users: { x: { uid: 9, role: reader, until: 2018-11-03 } }\nmatters: [ { matter: x, client: c, level: low, lead: x } ]\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := Request{UID: 9, Matter: "x", Op: OpRead, At: time.Date(2018, 11, 4, 2, 59, 59, 0, time.UTC)}
	if d := p.Decide(r); !d.Allow || !d.Expires.Equal(r.At.Add(time.Second)) {
		t.Errorf("at 23:59:59: %+v", d)
	}
	r.At = r.At.Add(time.Second)
	if d := p.Decide(r); d.Rule != "user.expired" {
		t.Errorf("at 01:00 of the next day: %+v", d)
	}
	if list := p.Explain(r); !strings.HasSuffix(list[len(list)-1].Reason, "until 2018-11-03") {
		t.Errorf("explained as %q", list[len(list)-1].Reason)
	}
}

// TestRefusalsExpire: a refusal says until when it holds, also where time makes
// it another refusal.
func TestRefusalsExpire(t *testing.T) {
	p := mustParse(t, small, `
users:
  x: { uid: 9, role: reader, org: Acme, until: 2026-11-30 }
  y: { uid: 10, role: lawyer, until: 2027-01-31 }
  z: { uid: 11, role: agent, until: 2026-12-10, nda: { ref: N, signed: 2026-12-20 } }
  v: { uid: 12, role: agent, until: 2026-12-10 }
  w: { uid: 13, role: agent, until: 2026-12-10, nda: { ref: N, signed: 2026-12-01, until: 2026-12-31 } }
roles: { agent: { clearance: low, rights: [read], nda: required } }
matters:
  - { matter: x, client: c, level: low, lead: boss, members: [ { user: y, rights: [read], until: 2026-12-31 }, { user: x, rights: [read] } ] }
  - { matter: shut, client: d, level: low, lead: boss, status: closed, members: [ { user: y, rights: [read, write], until: 2026-12-15 } ] }
walls: [ { id: W, screen: [user: y], from: [client: d], until: 2026-12-05, reason: r } ]
blocked: [ { org: Acme, reason: r, until: 2027-06-30 } ]
`)
	for _, c := range []struct {
		name, object string
		op           Op
		rule, until  string
	}{
		{"y", "x/a", OpWrite, "member.right", "2027-01-01"},
		{"y", "x/a", OpRead, "member.user", "2027-01-01"},
		{"y", "shut/a", OpWrite, "matter.closed", "2026-12-06"},
		{"y", "shut/a", OpRead, "wall.W", "2026-12-06"},
		{"y", "k/a", OpRead, "member.none", "2027-02-01"},
		{"y", "none", OpRead, "matter.unknown", "2027-02-01"},
		{"x", "x/a", OpRead, "user.blocked", "2026-12-01"},
		{"z", "x/a", OpRead, "user.nda", "2026-12-11"},
		{"v", "x/a", OpRead, "user.nda", "2026-12-11"},
		{"w", "x/a", OpRead, "user.nda", "2026-12-01"},
		{"boss", "k/a", OpRead, "member.lead", ""},
		{"reader", "k/a", OpUnlink, "member.right", ""},
	} {
		d := as(t, p, c.name).ask(c.op, c.object, false)
		got := ""
		if !d.Expires.IsZero() {
			got = d.Expires.In(p.Zone()).Format(time.DateOnly)
		}
		if d.Rule != c.rule || got != c.until {
			t.Errorf("%s, %s %s: %s until %q, want %s until %q", c.name, c.op, c.object, d.Rule, got, c.rule, c.until)
		}
	}
}
