package audit

import (
	"errors"
	"strings"
	"testing"
)

const zeroHash = `"0000000000000000000000000000000000000000000000000000000000000000"`

// withFrame puts members between seq, time and prev.
func withFrame(members string) string {
	return `{"seq":1,"t":"2026-11-22T09:31:04.123456Z",` + members + `,"prev":` + zeroHash + `}`
}

func TestLinesThatAreRefused(t *testing.T) {
	good := withFrame(`"ev":"read"`)
	if _, err := ParseLine([]byte(good)); err != nil {
		t.Fatal(err)
	}
	replace := func(from, to string) string {
		if !strings.Contains(good, from) {
			t.Fatalf("%q is not in the line", from)
		}
		return strings.Replace(good, from, to, 1)
	}
	for _, bad := range []string{
		"", "{", "}", "{}", "[]", "null", `"`, good + " ", " " + good, good[:len(good)-1], good[1:], good + good,
		replace(`"seq":1`, `"seq":0`), replace(`"seq":1`, `"seq":01`), replace(`"seq":1`, `"seq":-1`), replace(`"seq":1`, `"seq":1.0`),
		replace(`"seq":1`, `"seq":"1"`), replace(`"seq":1`, `"seq":18446744073709551616`), replace(`"seq":1`, `"seq":1e3`),
		replace(`"seq":1`, `"seq":`), replace(`"seq":1`, `"seq":1,"seq":1`), replace(`"seq":1,`, ``),
		replace(`04.123456Z`, `04.12345Z`), replace(`04.123456Z`, `04.1234567Z`), replace(`56Z`, `56z`), replace(`11-22`, `02-30`),
		replace(`11-22`, `13-01`), replace(`T09`, `T24`), replace(`:31`, `:60`), replace(`:04.`, `:60.`), replace(`T09`, ` 09`),
		replace(zeroHash, `"0"`), replace(zeroHash, strings.Replace(zeroHash, "0", "G", 1)),
		replace(zeroHash, strings.Replace(zeroHash, "0", "A", 1)), replace(`"ev":"read"`, `"ev":"read","prev":`+zeroHash),
		replace(`"read"`, `read`), replace(`"read"`, `"re`+"\n"+`ad"`), replace(`"read"`, `"\x"`), replace(`"read"`, `"\u12g4"`),
		replace(`"read"`, "\"\xff\""), replace(`"ev":`, `"ev" :`), replace(`"ev"`, `"\u0065v"`), replace(`,"ev"`, `,,"ev"`),
		replace(`"ev":"read"`, `"ev":"a","ev":"b"`), replace(`"ev":"read"`, `"path":"a","path_b64":"YQ=="`),
		replace(`"ev":"read"`, `"path_b64":"YQ"`), replace(`"ev":"read"`, `"path_b64":"*"`), replace(`"ev":"read"`, `"uid":-1`),
		replace(`"ev":"read"`, `"uid":4294967296`), replace(`"ev":"read"`, `"pid":"1"`), replace(`"ev":"read"`, `"off":1.5`),
		replace(`"ev":"read"`, `"x":{"a":[1,}`), replace(`"ev":"read"`, `"x":[1,]`), replace(`"ev":"read"`, `"x":[`),
		replace(`"ev":"read"`, `"x":+1`), replace(`"ev":"read"`, `"x":.5`), replace(`"ev":"read"`, `"x":1.`),
		replace(`"ev":"read"`, `"x":1e`), replace(`"ev":"read"`, `"x":truth`), replace(`"ev":"read"`, `"x":nul`),
	} {
		if p, err := ParseLine([]byte(bad)); err == nil {
			t.Errorf("accepted %q as %+v", bad, p)
		}
	}
}

// Readers of this version must read logs of later ones.
func TestUnknownKeysArePassedOver(t *testing.T) {
	p, err := ParseLine([]byte(withFrame(`"ev":"policy.reload","diff":{"gained":["a","}"],"n":[-1.5e+3,true,false,null]},"new":"x","user":"u"`)))
	if err != nil || p.Ev != "policy.reload" || p.User != "u" {
		t.Errorf("%+v %v", p, err)
	}
}

func TestEscapesAreDecoded(t *testing.T) {
	p, err := ParseLine([]byte(withFrame(`"path":"\"\\\/\b\f\n\r\t\u5408\ud83d\ude00\ud83d\ud83dx\udc00","to":"plain"`)))
	if want := "\"\\/\b\f\n\r\t合😀\ufffd\ufffdx\ufffd"; err != nil || p.Path != want || p.To != "plain" {
		t.Errorf("%q %v, want %q", p.Path, err, want)
	}
}

func TestSegmentNames(t *testing.T) {
	for name, want := range map[string]segment{
		"audit.jsonl":                         {name: "audit.jsonl"},
		"audit-1.jsonl":                       {name: "audit-1.jsonl", first: 1, gz: false},
		"audit-00000000000000000501.jsonl.gz": {name: "audit-00000000000000000501.jsonl.gz", first: 501, gz: true},
		"audit-18446744073709551615.jsonl":    {name: "audit-18446744073709551615.jsonl", first: 1<<64 - 1, gz: false},
		"audit-0.jsonl":                       {},
		"audit-.jsonl":                        {},
		"audit-+1.jsonl":                      {},
		"audit--1.jsonl":                      {},
		"audit-1.json":                        {},
		"audit-1.gz":                          {},
		"audit-1.jsonl.gz.gz":                 {},
		"audit.jsonl.gz":                      {},
		"xaudit-1.jsonl":                      {},
		"audit-18446744073709551616.jsonl":    {},
		"audit-1.jsonl.tmp":                   {},
		"audit-1x.jsonl":                      {},
	} {
		if got, ok := parseSegment(name); got != want || ok != (want.name != "") {
			t.Errorf("%s: %+v %v", name, got, ok)
		}
	}
}

// That a line is no record is said before what is wrong with one of its members, and a member twice is told in whatever form.
func TestWhatIsSaidOfABadLine(t *testing.T) {
	for body, want := range map[string]string{
		`"ev":"a","uid":1,"uid":2`:                          "has a bad uid",
		`"ev":"a","uid":-1,"seq":3`:                         "does not have seq, t and prev once each",
		`"ev":"a","uid":-1,"x":01`:                          "is not JSON: a comma is missing",
		`"ev":"a","uid":-1,"t":"never"`:                     "has a bad t",
		`"ev":"a","path":"b","path_b64":"Yg=="`:             "has a bad path_b64",
		`"ev":"a","path_b64":"Yg==","path":"b"`:             "has a bad path",
		`"ev":"a","note":"\u0041","note":""`:                "has a bad note",
		`"ev":"a","off":0,"len":1,"req":1,"req":1`:          "has a bad req",
		`"ev":"a","path":7`:                                 "has a bad path",
		`"ev":"a","uid":1,"pid":-2,"gid":1,"gid":2,"h":"x"`: "has a bad pid",
	} {
		_, err := ParseLine([]byte(withFrame(body)))
		var bad *LineError
		if !errors.As(err, &bad) || bad.What != want {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
	if p, err := ParseLine([]byte(withFrame(`"ev":"a","gid":1,"gid":2,"uid":3`))); err != nil || p.UID != 3 {
		t.Errorf("an unknown key twice: %v", err)
	}
}
