package export

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"path"
	"strconv"
	"strings"
	"time"

	"matterfs/audit"
)

// ecsVersion is the version of the Elastic Common Schema that the fields are of.
const ecsVersion = "8.17.0"

// ecsDoc is a record in the Elastic Common Schema; EXPORT.md has the table.
type ecsDoc struct {
	Timestamp string      `json:"@timestamp"`
	Message   string      `json:"message"`
	ECS       ecsSchema   `json:"ecs"`
	Event     ecsEvent    `json:"event"`
	Service   ecsService  `json:"service"`
	Host      *ecsHost    `json:"host,omitempty"`
	User      *ecsUser    `json:"user,omitempty"`
	Process   *ecsProcess `json:"process,omitempty"`
	File      *ecsFile    `json:"file,omitempty"`
	Rule      *ecsRule    `json:"rule,omitempty"`
	Error     *ecsError   `json:"error,omitempty"`
	Own       ecsOwn      `json:"matterfs"`
}

type ecsSchema struct {
	Version string `json:"version"`
}

type ecsEvent struct {
	Kind     string   `json:"kind"`
	Category []string `json:"category"`
	Type     []string `json:"type"`
	Action   string   `json:"action"`
	Outcome  string   `json:"outcome"`
	Reason   string   `json:"reason,omitempty"`
	Sequence uint64   `json:"sequence"`
	Hash     string   `json:"hash"`
	Original string   `json:"original"`
	Module   string   `json:"module"`
	Dataset  string   `json:"dataset"`
}

type ecsService struct {
	Type string `json:"type"`
}

type ecsHost struct {
	Name string `json:"name"`
}

type ecsUser struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

type ecsProcess struct {
	Name       string     `json:"name,omitempty"`
	Executable string     `json:"executable,omitempty"`
	Thread     *ecsThread `json:"thread,omitempty"`
}

type ecsThread struct {
	ID uint32 `json:"id"`
}

type ecsFile struct {
	Path       string `json:"path"`
	Name       string `json:"name,omitempty"`
	Directory  string `json:"directory,omitempty"`
	Extension  string `json:"extension,omitempty"`
	TargetPath string `json:"target_path,omitempty"`
}

type ecsRule struct {
	Name    string `json:"name,omitempty"`
	Ruleset string `json:"ruleset,omitempty"`
}

type ecsError struct {
	Code    string `json:"code"`
	Message string `json:"message,omitempty"`
}

// ecsOwn is what the schema has no field for.
type ecsOwn struct {
	Result    string `json:"result,omitempty"`
	Matter    string `json:"matter,omitempty"`
	Client    string `json:"client,omitempty"`
	Level     string `json:"level,omitempty"`
	To        string `json:"to,omitempty"`
	FID       string `json:"fid,omitempty"`
	FID2      string `json:"fid2,omitempty"`
	Version   uint64 `json:"version,omitempty"`
	Handle    uint64 `json:"handle,omitempty"`
	Offset    *int64 `json:"offset,omitempty"`
	Length    *int64 `json:"length,omitempty"`
	LoginUID  *int64 `json:"login_uid,omitempty"`
	OpenerUID *int64 `json:"opener_uid,omitempty"`
	Flags     string `json:"flags,omitempty"`
	Count     int    `json:"count,omitempty"`
	Note      string `json:"note,omitempty"`
}

func (f formatter) ecs(b []byte, l *line) ([]byte, error) {
	r := l.rec
	kind := kindOf(r.Ev)
	d := ecsDoc{
		Timestamp: r.Time.UTC().Format(syslogTime), Message: audit.Human(r, time.UTC, "en"), ECS: ecsSchema{ecsVersion},
		Event: ecsEvent{Kind: "event", Category: []string{kind.category}, Type: kind.types, Action: r.Ev, Outcome: outcome(r.Res), Reason: r.Purpose,
			Sequence: r.Seq, Hash: hex.EncodeToString(l.pos.hash[:]), Original: string(l.b), Module: "matterfs", Dataset: "matterfs.audit"},
		Service: ecsService{"matterfs"}, Own: ownFields(r),
	}
	if r.Ev == "bulk.read" {
		d.Event.Kind = "alert"
	}
	if f.host != "" {
		d.Host = &ecsHost{f.host}
	}
	d.people(r)
	d.things(r)
	w := bytes.NewBuffer(b)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(&d); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(w.Bytes(), []byte("\n")), nil
}

// people says who did it, with which program.
func (d *ecsDoc) people(r *audit.Parsed) {
	if r.HasUID || r.User != "" {
		d.User = &ecsUser{Name: r.User}
		if r.HasUID {
			d.User.ID = strconv.FormatUint(uint64(r.UID), 10)
		}
	}
	if r.Comm == "" && r.Exe == "" && r.PID == 0 {
		return
	}
	d.Process = &ecsProcess{Name: r.Comm, Executable: r.Exe}
	if r.PID != 0 {
		d.Process.Thread = &ecsThread{r.PID}
	}
}

// things says what it was done to, by which rule, and what went wrong.
func (d *ecsDoc) things(r *audit.Parsed) {
	if r.Path != "" {
		full := path.Join(r.Matter, r.Path)
		d.File = &ecsFile{Path: full, Name: path.Base(full), Directory: path.Dir(full), Extension: strings.TrimPrefix(path.Ext(full), ".")}
		if r.Ev == "symlink" {
			d.File.TargetPath = r.To
		}
	}
	if r.Rule != "" || r.Pol != "" {
		d.Rule = &ecsRule{r.Rule, r.Pol}
	}
	if r.Res != "ok" && r.Res != "deny" && r.Res != "" {
		d.Error = &ecsError{r.Res, r.Note}
	}
}

func ownFields(r *audit.Parsed) ecsOwn {
	o := ecsOwn{Result: r.Res, Matter: r.Matter, Client: r.Client, Level: r.Level, To: r.To, FID: r.FID, FID2: r.FID2,
		Version: r.Ver, Handle: r.H, Flags: r.Flags, Count: r.Count, Note: r.Note}
	if r.HasRange {
		o.Offset, o.Length = &r.Off, &r.Len
	}
	if r.AUID >= 0 {
		o.LoginUID = &r.AUID
	}
	if r.OUID >= 0 {
		o.OpenerUID = &r.OUID
	}
	return o
}

func outcome(res string) string {
	switch res {
	case "ok":
		return "success"
	case "":
		return "unknown"
	}
	return "failure"
}

// ecsKind is event.category and event.type.
type ecsKind struct {
	category string
	types    []string
}

// kindOf classifies an event. The schema allows each category certain types; a refusal is told by event.outcome and rule.name, since
// "denied" is none of those for files.
func kindOf(ev string) ecsKind {
	for _, row := range []struct {
		events, category string
		types            []string
	}{
		{"open read fill list readlink bulk.read", "file", []string{"access"}},
		{"lookup getattr getxattr access statfs close lock ioctl link", "file", []string{"info"}},
		{"create mkdir symlink", "file", []string{"creation"}},
		{"write writeback fsync rename setattr setxattr", "file", []string{"change"}},
		{"unlink rmdir", "file", []string{"deletion"}},
		{"mount", "host", []string{"start"}},
		{"umount", "host", []string{"end"}},
		{"user.disable user.enable", "iam", []string{"user", "change"}},
		{"key.create", "configuration", []string{"creation"}},
		{"audit.query", "configuration", []string{"access"}},
		{"panic", "process", []string{"info"}},
		{"policy.load policy.reload policy.approve policy.emergency policy.confirm relabel relabel.approve matter.freeze matter.unfreeze" +
			" key.accept state.accept state.recover store.recover fsck.repair audit.hold audit.retire", "configuration", []string{"change"}},
	} {
		for e := range strings.FieldsSeq(row.events) {
			if e == ev {
				return ecsKind{row.category, row.types}
			}
		}
	}
	return ecsKind{"configuration", []string{"info"}}
}
