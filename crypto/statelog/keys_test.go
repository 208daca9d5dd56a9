package statelog

import (
	"strings"
	"testing"
)

// TestKeysHead: the last record counts, also after the log was opened again; what no keystore writes is refused.
func TestKeysHead(t *testing.T) {
	var none *State
	if none.Keys() != "" || newState().Keys() != "" {
		t.Error("a head that nobody recorded")
	}
	s := newState()
	for _, head := range []string{"1:aa", "2:bb"} {
		if err := s.apply(&Entry{Kind: KeysHead, Payload: []byte(`{"head":"` + head + `"}`)}); err != nil {
			t.Fatal(err)
		}
		if s.Keys() != head || s.clone().Keys() != head {
			t.Errorf("head %q, a copy says %q, want %q", s.Keys(), s.clone().Keys(), head)
		}
	}
	for _, bad := range []string{`{}`, `{"head":""}`, `{"head":"` + strings.Repeat("1", maxHead+1) + `"}`, `{"head":"3:cc","more":1}`, `[]`} {
		if err := s.apply(&Entry{Kind: KeysHead, Payload: []byte(bad)}); err == nil || s.Keys() != "2:bb" {
			t.Errorf("%s: %v, and the head is %q", bad, err, s.Keys())
		}
	}
}
