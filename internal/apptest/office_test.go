//go:build apps

package apptest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matterfs/internal/as"
)

// documents are those of the example firm, which LibreOffice opens as well as any.
const documents = "../../examples/lawfirm/documents/2026-0142"

// TestLibreOffice: one person edits a document while another has it open; LibreOffice's own lock file tells them apart.
func TestLibreOffice(t *testing.T) {
	for _, doc := range []string{"合同/产品买卖合同-HS-2024-031.docx", "证据/证据清单.odt"} {
		t.Run(filepath.Ext(doc), func(t *testing.T) {
			s := open(t)
			content, err := os.ReadFile(filepath.Join(documents, doc))
			must(t, err)
			name := filepath.Base(doc)
			s.zhang.Does(s.zhang.WriteFile(s.path(name), content))
			s.zhang.Does(s.zhang.Chmod(s.path(name), 0o666))
			script := s.script("office.py")
			done := make(chan as.Result)
			for role, u := range map[string]*as.User{"first": s.zhang, "second": s.li} {
				go func() { done <- s.office(u, script, role, name) }()
			}
			said := ""
			for range 2 {
				r := <-done
				said += r.Stdout
				if r.Code != 0 {
					t.Errorf("exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
				}
			}
			for _, want := range []string{"lock ", "readonly\n", "store refused", "stored ", "closed\n", "editable\n"} {
				if !strings.Contains(said, want) {
					t.Errorf("nobody said %q:\n%s", want, said)
				}
			}
			t.Log(said)
			s.zhang.Lists(s.dir, name)
		})
	}
}

// script copies a script to where every user can read it: the checkout may be closed to them.
func (s *site) script(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	must(s.t, err)
	s.write(filepath.Join(s.tmp, name), string(text))
	return filepath.Join(s.tmp, name)
}

// office runs one person's part. /usr/bin/python3 is the one that Debian's python3-uno belongs to.
func (s *site) office(u *as.User, script, role, name string) as.Result {
	home := s.home(int(u.UID()))
	r, err := u.Run([]string{"/usr/bin/python3", script, role, s.path(name), home, s.shared()}, "/",
		"HOME="+home, "TMPDIR="+home, "PYTHONDONTWRITEBYTECODE=1")
	if err != nil {
		r.Code, r.Stderr = -1, err.Error()
	}
	return r
}
