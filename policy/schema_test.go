package policy

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("policy.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("policy.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plainValue is a YAML node as an editor sees it: by the core schema of YAML 1.2,
// which knows no dates and no words for yes.
func plainValue(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plainValue(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			list = append(list, plainValue(item))
		}
		return list
	}
	if isNull(n) {
		return nil
	}
	quoted := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0
	if _, err := strconv.ParseFloat(n.Value, 64); err == nil && !quoted {
		return json.Number(strings.TrimLeft(n.Value, "+0") + strings.Repeat("0", boolInt(strings.Trim(n.Value, "+0") == "")))
	}
	if (n.Value == "true" || n.Value == "false") && !quoted {
		return n.Value == "true"
	}
	return n.Value
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func validText(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	n, err := parseNode(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if n == nil {
		return s.Validate(nil)
	}
	return s.Validate(plainValue(n))
}

// TestSchemaTakesWhatWeTake: each valid file that the tests know, and firms of
// chance.
func TestSchemaTakesWhatWeTake(t *testing.T) {
	s := compiled(t)
	r := rand.New(rand.NewPCG(17, 18))
	texts := []string{everyKey, firmHead + lintFirm, firmHead + wideFirm, firmHead + tagFirm, firmHead + diffFirm, "# nothing\n"}
	for _, dir := range []string{"testdata/lawfirm", "../examples/lawfirm/policy"} {
		files, err := ReadFiles(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range files {
			texts = append(texts, string(text))
		}
	}
	for range 50 {
		for _, text := range randomFirm(r).files() {
			texts = append(texts, string(text))
		}
	}
	for _, text := range texts {
		if err := validText(t, s, text); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

// TestSchemaRefuses: what an editor marks before check does.
func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)
	for _, text := range []string{
		"verison: 1", "version: 2", "users: { a: { uid: 1 } }", "users: { a: { uid: -1, role: r } }", "users: { a b: { role: r } }", "users:",
		"roles: { r: { clearance: l, rights: [] } }", "roles: { r: { clearance: l, rights: [read, read] } }", "roles: { r: { clearance: l, rights: [fly] } }",
		"levels: {}", "levels: { l: { two_person: {} } }", "tags: { t: {} }", "groups: { g: {} }", "as_of: tomorrow", "limits: { stale: soon }",
		"matter: m\nclient: c", "matter: m\nclient: c\nlead: u\nfolders: [ { path: a } ]", "matter: m\nclient: c\nlead: u\nmembers: [ { user: a, group: g, rights: read } ]",
		"walls: [ { id: W, reason: r, screen: [user: a] } ]", "walls: [ { id: W, reason: r, only: [user: a], to: [matter: m], from: [matter: m] } ]",
		"walls: [ { id: W, reason: r, between: [[matter: m]] } ]", "walls: [ { id: W, reason: r, screen: [user: a, matter: m], from: [matter: m] } ]",
		"tests: [ { as: a, on: m } ]", "tests: [ { only: [a], cannot: read, on: m } ]", "blocked: [ { reason: r } ]", "a: b\nmatter: m\nclient: c\nlead: u",
	} {
		if err := validText(t, s, text); err == nil {
			t.Errorf("the schema takes %q", text)
		}
	}
}

// contexts are texts with a place for one more key, by the title of what the
// schema says of that place.
var contexts = map[string]string{
	"policy file": "%s", "limits": "limits: { %s }", "level": "levels: { a: { %s } }", "two_person": "levels: { a: { two_person: { %s } } }",
	"tag": "tags: { a: { %s } }", "role": "roles: { a: { %s } }", "user": "users: { a: { %s } }", "nda": "users: { a: { nda: { %s } } }",
	"group": "groups: { a: { %s } }", "duties": "duties: { %s }", "blocked entry": "blocked: [ { %s } ]",
	"matter": "matters: [ { %s } ]", "member": "matters: [ { members: [ { %s } ] } ]", "folder": "matters: [ { folders: [ { %s } ] } ]",
	"wall": "walls: [ { %s } ]", "test": "tests: [ { %s } ]",
	"person": "walls: [ { screen: [ { %s } ] } ]", "object": "walls: [ { from: [ { %s } ] } ]",
}

type schemaDef struct {
	Title      string
	Properties map[string]struct {
		Enum []string
		Ref  string `json:"$ref"`
	}
	Enum []string
}

func schemaDefs(t *testing.T) map[string]schemaDef {
	t.Helper()
	var doc struct {
		Defs map[string]json.RawMessage `json:"$defs"`
	}
	if err := json.Unmarshal([]byte(Schema()), &doc); err != nil {
		t.Fatal(err)
	}
	defs := map[string]schemaDef{}
	for name, raw := range doc.Defs {
		var d schemaDef
		if err := json.Unmarshal(raw, &d); err != nil {
			t.Fatal(err)
		}
		if d.Title == "" {
			d.Title = name
		}
		if d.Properties != nil || d.Enum != nil {
			defs[d.Title] = d
		}
	}
	return defs
}

// complaint is what Parse says of one key in a place.
func complaint(context, key, value string) string {
	_, err := Parse(map[string][]byte{"x.yaml": fmt.Appendf(nil, context, key+": "+value)})
	return fmt.Sprint(err)
}

// TestSchemaHasEveryKey: in each place the schema has the keys that the readers
// take, and no other; and where a key takes one of a few words, the same words.
func TestSchemaHasEveryKey(t *testing.T) {
	defs, words := schemaDefs(t), 0
	for title, context := range contexts {
		d, ok := defs[title]
		if !ok {
			t.Errorf("the schema has no %q", title)
		}
		for _, key := range vocabulary {
			says := complaint(context, key, "qqqqqqq")
			taken := !strings.Contains(says, fmt.Sprintf("unknown key %q", key)) && !strings.Contains(says, fmt.Sprintf("unknown duty %q", key))
			p, has := d.Properties[key]
			if alone := title == "policy file" && key == "matter"; taken != has && !alone { // a file of its own
				t.Errorf("%s: %s is taken: %v, the schema has it: %v", title, key, taken, has)
			}
			if enum := append(p.Enum, defs[strings.TrimPrefix(p.Ref, "#/$defs/")].Enum...); enum != nil && key != "version" {
				words++
				if want := "hint: write " + strings.Join(enum, " or "); !strings.Contains(says, want+"\n") && !strings.HasSuffix(says, want) {
					t.Errorf("%s.%s: the schema has %q, the reader says %s", title, key, enum, says)
				}
			}
		}
	}
	if words < 12 {
		t.Errorf("only %d keys have a list of words", words)
	}
	if rights := defs["right"].Enum; !slices.Equal(rights, rightNames[:]) {
		t.Errorf("rights %q", rights)
	}
	for title := range defs {
		if contexts[title] == "" && title != "right" && title != "purpose" {
			t.Errorf("nothing is known of %q", title)
		}
	}
}
