package policy

import (
	"errors"
	"strings"
	"testing"
)

// decodeFlat decodes into the keys data and keys, which begin as "old".
func decodeFlat(text string) (data, keys string, err error) {
	data, keys = "old", "old"
	err = DecodeStrict("matterfs.yaml", []byte(text), map[string]*string{"data": &data, "keys": &keys})
	return data, keys, err
}

func TestDecodeStrictReads(t *testing.T) {
	for _, c := range []struct{ name, text, data, keys string }{
		{"both", "data: a\nkeys: /b/c\n", "a", "/b/c"},
		{"one", "keys: b # why\n", "old", "b"},
		{"empty", "", "old", "old"},
		{"comments", "# nothing\n\n", "old", "old"},
		{"quoted", "data: 'a: ''b'''\n", "a: 'b'", "old"},
		{"number stays text", "data: 0123\n", "0123", "old"},
		{"chinese", "data: 数据/甲\n", "数据/甲", "old"},
		{"windows lines", "data: a\r\nkeys: b\r\n", "a", "b"},
	} {
		data, keys, err := decodeFlat(c.text)
		if err != nil || data != c.data || keys != c.keys {
			t.Errorf("%s: got %q, %q, %v; want %q, %q", c.name, data, keys, err, c.data, c.keys)
		}
	}
}

func TestDecodeStrictRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"unknown key", "data: a\nkesy: b\n", `matterfs.yaml:2:1: error: unknown key "kesy"`},
		{"suggestion", "kesy: b\n", `did you mean "keys"?`},
		{"double key", "data: a\ndata: b\n", "matterfs.yaml:2:1: error: "},
		{"empty value", "data:\n", "matterfs.yaml:1:"},
		{"list", "data: [a]\n", "matterfs.yaml:1:7: error: "},
		{"mapping", "data: {a: b}\n", "matterfs.yaml:1:7: error: "},
		{"no mapping", "- data\n", "matterfs.yaml:1:1: error: "},
		{"alias", "data: &x a\nkeys: *x\n", "matterfs.yaml:2:7: error: "},
		{"two documents", "data: a\n---\nkeys: b\n", "matterfs.yaml:2:"},
		{"tab", "data:\ta\n\tkeys: b\n", "matterfs.yaml:2:"},
		{"two lines", "data: \"a\\nb\"\n", "matterfs.yaml:1:7: error: "},
		{"no utf-8", "data: \xca\xfd\xbe\xdd\n", "not UTF-8"},
		{"broken quote", "data: 'a\n", "matterfs.yaml:1:"},
	} {
		data, keys, err := decodeFlat(c.text)
		var list *Errors
		if !errors.As(err, &list) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
		if data != "old" || keys != "old" {
			t.Errorf("%s: set %q, %q in spite of the error", c.name, data, keys)
		}
	}
}

// decodeSections decodes into a key of its own and two of a section.
func decodeSections(text string) (got [3]string, err error) {
	err = DecodeStrict("matterfs.yaml", []byte(text), map[string]*string{"data": &got[0], "audit.reads": &got[1], "audit.sync": &got[2]})
	return got, err
}

func TestDecodeStrictSections(t *testing.T) {
	got, err := decodeSections("data: d\naudit:\n  reads: each\n  sync: group\n")
	if want := [3]string{"d", "each", "group"}; err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if got, err = decodeSections("audit: { reads: cover }\n"); err != nil || got != [3]string{"", "cover", ""} {
		t.Errorf("one of a section: got %q, %v", got, err)
	}
	for _, c := range []struct{ text, want string }{
		{"audit:\n  raeds: each\n", `matterfs.yaml:2:3: error: unknown key "raeds" in audit`},
		{"audit:\n  raeds: each\n", `did you mean "reads"?`},
		{"audit: each\n", "matterfs.yaml:1:8: error: "},
		{"audit:\n", "matterfs.yaml:1:"},
		{"audit.reads: each\n", `unknown key "audit.reads"`},
		{"reads: each\n", `unknown key "reads"`},
		{"audit: { reads: a }\naudit: { sync: b }\n", `"audit" stands twice`},
		{"audit: { reads: [a] }\n", "matterfs.yaml:1:17: error: "},
	} {
		got, err := decodeSections(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) || got != [3]string{} {
			t.Errorf("%q: got %q, %v; want %q and nothing set", c.text, got, err, c.want)
		}
	}
}

func TestDecodeStrictListsEveryMistake(t *testing.T) {
	_, _, err := decodeFlat("a: 1\nb: 2\ndata: [1]\n")
	var list *Errors
	if !errors.As(err, &list) || len(list.List) != 3 {
		t.Fatalf("error %v, want three mistakes", err)
	}
}

func FuzzDecodeStrict(f *testing.F) {
	for _, seed := range []string{"data: a\nkeys: b\n", "data: 'x: y'\n", "kesy: 1\n", "- a\n", "data: &a b\nkeys: *a\n", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		data, keys, err := decodeFlat(text)
		if err != nil && (data != "old" || keys != "old") {
			t.Errorf("%q: set %q, %q in spite of %v", text, data, keys, err)
		}
		if strings.ContainsAny(data+keys, "\n\x00") {
			t.Errorf("%q: value %q, %q is more than a line", text, data, keys)
		}
	})
}
