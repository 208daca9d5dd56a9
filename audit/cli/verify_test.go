package cli

import (
	"bytes"
	"strings"
	"testing"

	"matterfs/audit"
)

// An auditor must see without --json which records only the chain vouches for.
func TestVerifyPrintsWhatIsNotAnchored(t *testing.T) {
	r := &audit.Report{Records: 12, FirstSeq: 1, LastSeq: 12, UnanchoredFrom: 11, UnanchoredTo: 12, Recoveries: []audit.Found{
		{File: "audit.jsonl", Line: 7, Seq: 7, LostFrom: 7, LostTo: 9, TornFile: "audit-torn-7", Note: "the machine stopped"},
		{File: "audit.jsonl", Line: 8, Seq: 8, Note: "writing failed"}}}
	var out bytes.Buffer
	if err := (&Tool{Out: &out, Err: &out, JSON: new(bool)}).printReport(r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`audit.jsonl:7: recover: "the machine stopped"; records 7 to 9 lost; bytes kept in audit-torn-7`,
		"records 11 to 12 are not anchored",
		"log ok: 12 records, 1 to 12",
	} {
		if !strings.Contains(out.String(), want+"\n") && !strings.Contains(out.String(), want+":") {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "writing failed") {
		t.Errorf("a recovery without doubtful records is printed:\n%s", out.String())
	}
}
