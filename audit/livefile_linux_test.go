package audit

import (
	"os"
	"testing"
)

// A row of attacks on the file of a running daemon: it must stop recording, which stops serving, before the next record.
func TestAttacksOnTheLiveFile(t *testing.T) {
	for name, do := range map[string]func(path string) error{
		"copy-truncate rotation": func(path string) error { return os.Truncate(path, 0) },
		"replaced": func(path string) error {
			b, err := os.ReadFile(path)
			if err == nil {
				err = os.Remove(path)
			}
			if err == nil {
				err = os.WriteFile(path, b, 0o640)
			}
			return err
		},
		"deleted": os.Remove,
		"renamed": func(path string) error { return os.Rename(path, path+".1") },
	} {
		for _, checked := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				e := &evidence{o: sealedOptions(t)}
				f := &blindLive{checked: checked}
				env := handPaced()
				env.live = func(dir string, group int) (live liveFile, err error) {
					f.liveFile, err = openLive(dir, group)
					return f, err
				}
				l := openSealed(t, e.o, env)
				appendN(t, l, 5)
				if err := do(livePath(e.o)); err != nil {
					t.Fatal(err)
				}
				if err := l.Healthy(); (err != nil) != checked {
					t.Errorf("with the check %v: %v", checked, err)
				}
				if _, err := l.Append(sample(1)); (err != nil) != checked {
					t.Errorf("with the check %v: Append %v", checked, err)
				}
			})
		}
	}
}

// blindLive does not look whose file it is unless checked.
type blindLive struct {
	liveFile
	checked bool
}

func (b *blindLive) Check(size int64) error {
	if !b.checked {
		return nil
	}
	return b.liveFile.Check(size)
}
