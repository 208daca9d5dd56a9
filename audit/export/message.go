package export

import (
	"fmt"
	"strconv"
	"strings"

	"matterfs/audit"
)

// Format is the form of a record at the target.
type Format string

// The formats.
const (
	Raw Format = "raw" // the line as it stands in the log
	ECS Format = "ecs" // Elastic Common Schema, with the line in event.original
)

// ParseFormat reads the name of a format.
func ParseFormat(name string) (Format, error) {
	switch f := Format(name); f {
	case Raw, ECS:
		return f, nil
	}
	return "", fmt.Errorf("--format %q is none of raw, ecs", name)
}

// formatter makes what is sent of a record.
type formatter struct {
	format Format
	host   string
}

// body appends a record in its format, on one line.
func (f formatter) body(b []byte, l *line) ([]byte, error) {
	if f.format == ECS {
		return f.ecs(b, l)
	}
	return append(b, l.b...), nil
}

// Numbers of RFC 5424, section 6.2.1: the facility "log audit", and severities.
const (
	facility = 13

	severityCritical = 2
	severityError    = 3
	severityWarning  = 4
	severityNotice   = 5
	severityInfo     = 6
)

// syslogTime is TIMESTAMP of RFC 5424, section 6.2.3, as precise as the log.
const syslogTime = "2006-01-02T15:04:05.000000Z"

// syslog appends a message of RFC 5424. There is no byte order mark before the body (MSG-ANY): what reads JSON behind a collector
// does not expect one.
func (f formatter) syslog(b []byte, l *line) ([]byte, error) {
	b = append(b, '<')
	b = strconv.AppendInt(b, int64(facility*8+severity(l.rec)), 10)
	b = append(b, ">1 "...)
	b = l.rec.Time.UTC().AppendFormat(b, syslogTime)
	b = append(append(b, ' '), header(f.host, 255)...)
	b = append(append(b, " matterfs - "...), header(l.rec.Ev, 32)...)
	b = append(b, ` [origin software="matterfs"][meta sequenceId="`...)
	b = strconv.AppendUint(b, (l.pos.seq-1)%(1<<31-1)+1, 10) // section 7.3.1: from 1 to 2147483647, and again
	b = append(b, `"] `...)
	return f.body(b, l)
}

// header makes a field of a header of some text: printable ASCII without blanks, or "-".
func header(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < 33 || r > 126 {
			return -1
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(most, len(s))]
}

// severity says how much a record wants to be looked at.
func severity(r *audit.Parsed) int {
	switch {
	case r.Ev == "panic":
		return severityCritical
	case r.Res == "deny", r.Ev == "audit.recover", r.Ev == "audit.clock", r.Ev == "bulk.read":
		return severityWarning
	case r.Res != "ok" && r.Res != "":
		return severityError
	case !strings.Contains(r.Ev, ".") || r.Ev == "audit.seal" || r.Ev == "audit.epoch":
		return severityInfo
	}
	return severityNotice
}
