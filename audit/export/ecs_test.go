package export

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"matterfs/audit"
)

// tables of EXPORT.md: rows under a heading whose first cell is code.
func docRows(t *testing.T, head string) [][]string {
	t.Helper()
	b, err := os.ReadFile("EXPORT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), head+"\n|--|--|--|\n")
	if !ok {
		t.Fatalf("no table with %q", head)
	}
	var rows [][]string
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	return rows
}

func docTypes(t *testing.T) map[string]string {
	t.Helper()
	types := map[string]string{}
	for _, r := range docRows(t, "| field | type | of the record |") {
		types[strings.Trim(r[0], "`")] = r[1]
	}
	return types
}

// samples are records that use every field.
func samples() []string {
	const prev = `,"prev":"7f31a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e"}`
	return []string{
		`{"seq":2,"t":"2026-11-22T09:31:05.123456Z","ev":"read","res":"ok","user":"zhang.wei","uid":10021,"auid":10021,"ouid":10022,"pid":48213,"exe":"/usr/bin/soffice","comm":"soffice.bin","matter":"2026-0142","client":"C0091","level":"机密","path":"证据/合同-0031.docx","fid":"9c1e5a77d2b04f3e8a61c0ffee123456","ver":3,"h":1,"off":0,"len":131072,"rule":"member.lead","pol":"9f2c1a7be0d4","purpose":"庭审质证","flags":"r"` + prev,
		`{"seq":3,"t":"2026-11-22T09:31:06.123456Z","ev":"lookup","res":"deny","uid":0,"matter":"2026-0142","rule":"wall.W-07","count":4` + prev,
		`{"seq":4,"t":"2026-11-22T09:31:07.123456Z","ev":"write","res":"EIO","uid":1,"path":"a","note":"disk: <error> & so on"` + prev,
		`{"seq":5,"t":"2026-11-22T09:31:08.123456Z","ev":"symlink","res":"ok","path":"a/b","to":"../c","fid2":"00"` + prev,
		`{"seq":6,"t":"2026-11-22T09:31:09.123456Z","ev":"audit.seal","signed":"x\n"` + prev,
		`{"seq":7,"t":"2026-11-22T09:31:09.123456Z","ev":"bulk.read","res":"ok","uid":7` + prev,
		`{"seq":8,"t":"2026-11-22T09:31:09.123456Z","ev":"unlink","res":"ok","path_b64":"/2Eu"` + prev,
	}
}

func parsed(t *testing.T, raw string) *line {
	t.Helper()
	p, err := audit.ParseLine([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return &line{pos: position{seq: p.Seq, hash: audit.LeafHash([]byte(raw))}, b: []byte(raw), rec: p}
}

// leaves flattens a document to its fields.
func leaves(prefix string, v any, to map[string][]any) {
	switch v := v.(type) {
	case map[string]any:
		for k, w := range v {
			leaves(strings.TrimPrefix(prefix+"."+k, "."), w, to)
		}
	case []any:
		to[prefix] = append(to[prefix], v...)
	default:
		to[prefix] = append(to[prefix], v)
	}
}

// Every field that is sent stands in the table with its type, every field of the table is sent, and what the schema itself knows
// has the type that its published list of fields says.
func TestECSFieldsAndTypes(t *testing.T) {
	types := docTypes(t)
	seen := map[string][]any{}
	for _, raw := range samples() {
		b, err := formatter{ECS, "server"}.body([]byte("kept"), parsed(t, raw))
		if err != nil {
			t.Fatal(err)
		}
		text, ok := strings.CutPrefix(string(b), "kept")
		if !ok || strings.ContainsAny(text, "\n") {
			t.Fatalf("%q", b)
		}
		var doc map[string]any
		if err := json.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		leaves("", doc, seen)
		if doc["event"].(map[string]any)["original"] != raw {
			t.Errorf("event.original is not the line: %s", text)
		}
	}
	if got, want := slices.Sorted(maps.Keys(seen)), slices.Sorted(maps.Keys(types)); !slices.Equal(got, want) {
		t.Errorf("sent are\n%q\nthe table has\n%q", got, want)
	}
	number := regexp.MustCompile(`^long$`)
	for field, values := range seen {
		for _, v := range values {
			if _, isNumber := v.(float64); isNumber != number.MatchString(types[field]) {
				t.Errorf("%s is %v, which is no %s", field, v, types[field])
			}
		}
	}
	list, err := os.ReadFile("testdata/ecs-types.csv")
	if err != nil {
		t.Fatal(err)
	}
	known := 0
	for row := range strings.FieldsSeq(string(list)) {
		field, typ, _ := strings.Cut(row, ",")
		known++
		if types[field] != typ {
			t.Errorf("%s is %q in the table and %q in the schema", field, types[field], typ)
		}
	}
	own := 0
	for field := range types {
		if strings.HasPrefix(field, "matterfs.") {
			own++
		}
	}
	if known+own != len(types) || known < 30 {
		t.Errorf("%d fields of the schema and %d of our own are not the %d of the table", known, own, len(types))
	}
}

// expected are the types that the schema expects in each category (its page on event.category).
var expected = map[string]string{
	"file": "access change creation deletion info", "host": "access change end info start", "iam": "admin change creation deletion group info user",
	"configuration": "access change creation deletion info", "process": "access change end info start",
}

func TestECSCategories(t *testing.T) {
	in := map[string]bool{}
	for _, row := range docRows(t, "| `ev` | `event.category` | `event.type` |") {
		for ev := range strings.FieldsSeq(row[0]) {
			if !strings.HasPrefix(ev, "`") {
				continue // all others
			}
			ev = strings.Trim(ev, "`")
			k := kindOf(ev)
			if in[ev] || k.category != row[1] || strings.Join(k.types, ", ") != row[2] {
				t.Errorf("%s is %+v, the table says %q", ev, k, row)
			}
			in[ev] = true
			for _, typ := range k.types {
				if !slices.Contains(strings.Fields(expected[k.category]), typ) {
					t.Errorf("%s: the schema does not expect %s in %s", ev, typ, k.category)
				}
			}
		}
	}
	if k := kindOf("of a later version"); k.category != "configuration" || len(in) < 40 {
		t.Errorf("%+v, %d events", k, len(in))
	}
}

func TestECSValues(t *testing.T) {
	b, err := formatter{ECS, "server"}.body(nil, parsed(t, samples()[0]))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"@timestamp":"2026-11-22T09:31:05.123456Z"`, `"path":"2026-0142/证据/合同-0031.docx","name":"合同-0031.docx","directory":"2026-0142/证据","extension":"docx"`,
		`"sequence":2`, `"id":"10021","name":"zhang.wei"`, `"offset":0,"length":131072`, `"outcome":"success"`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
	b, _ = formatter{ECS, ""}.body(nil, parsed(t, samples()[1]))
	if s := string(b); !strings.Contains(s, `"outcome":"failure"`) || !strings.Contains(s, `"user":{"id":"0"}`) || strings.Contains(s, `"error"`) || strings.Contains(s, `"host"`) {
		t.Errorf("%s", s)
	}
}
