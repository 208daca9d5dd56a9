package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"matterfs/audit"
)

// told is where a Tool talks to; first is closed at the first word.
type told struct {
	bytes.Buffer
	first chan struct{}
}

func (w *told) Write(b []byte) (int, error) {
	if w.Len() == 0 {
		close(w.first)
	}
	return w.Buffer.Write(b)
}

// On a server the seal of the newest records is waited for; in a copy nothing will seal them.
func TestProofWaitsForTheSeal(t *testing.T) {
	o := audit.Options{Dir: t.TempDir(), StateDir: t.TempDir(), StoreID: storeID, Seal: true}
	if _, err := audit.InitKeys(o); err != nil {
		t.Fatal(err)
	}
	l, err := audit.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Seal(); err != nil {
		t.Fatal(err)
	}
	seq, err := l.Append(&audit.Record{Ev: "open", Res: "ok", User: "li.na", AUID: -1, OUID: -1})
	if err != nil {
		t.Fatal(err)
	}
	copied, _, _ := tool("en")
	if _, err := copied.prove(o.Dir, []uint64{seq}); !errors.Is(err, audit.ErrNotSealed) {
		t.Errorf("in a copy: %v", err)
	}
	to, _, _ := tool("en")
	talk := &told{first: make(chan struct{})}
	to.Err, to.Note = talk, func(string, string) error { return nil }
	go func() {
		<-talk.first
		l.Seal()
	}()
	proof, err := to.prove(o.Dir, []uint64{seq})
	if err != nil || !strings.Contains(string(proof), "index ") {
		t.Errorf("on the server: %v, %d bytes", err, len(proof))
	}
	if n := strings.Count(talk.String(), "waiting"); n != 1 {
		t.Errorf("it says %q", talk)
	}
}
