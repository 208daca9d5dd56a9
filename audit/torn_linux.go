package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// TornName is the beginning of the names of files that keep what was cut off the live file: audit-torn-SEQ, with the number of
// the first record that was written again, and .2, .3 ... where that name was taken.
const TornName = "audit-torn-"

// keep saves what will be cut off the live file and describes it: nothing that somebody may need as evidence is destroyed.
func (r *Recovery) keep(o *Options, t *tail) error {
	if t.size == t.good {
		return nil
	}
	f, err := openRegular(filepath.Join(o.Dir, LiveName))
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	cut := io.NewSectionReader(f, t.good, t.size-t.good)
	n, err := io.Copy(h, cut)
	if err != nil {
		return err
	}
	r.TornLen, r.TornHash = n, hex.EncodeToString(h.Sum(nil))
	if n <= MaxTorn {
		r.Torn = make([]byte, n)
		if _, err := cut.ReadAt(r.Torn, 0); err != nil && err != io.EOF {
			return err
		}
	}
	r.TornFile, err = saveTorn(o, fmt.Sprintf("%s%d", TornName, t.seq+1), cut, h.Sum(nil))
	return err
}

// saveTorn writes cut to a file of that name or the next one free, and brings it to the medium. A file that has these bytes
// already is from a start that did not get further.
func saveTorn(o *Options, base string, cut *io.SectionReader, sum []byte) (name string, err error) {
	name = base
	for i := 2; ; i++ {
		path := filepath.Join(o.Dir, name)
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
		if err == nil {
			return name, errors.Join(fill640(f, o.Group, cut), syncDir(o.Dir))
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		if hasSum(path, sum) {
			return name, nil
		}
		name = fmt.Sprintf("%s.%d", base, i)
	}
}

// fill640 gives a new file mode, group and contents.
func fill640(f *os.File, group int, from *io.SectionReader) error {
	err := f.Chmod(0o640) // whatever the umask is
	if group > 0 {
		err = errors.Join(err, f.Chown(-1, group))
	}
	_, werr := io.Copy(f, io.NewSectionReader(from, 0, from.Size()))
	return errors.Join(err, werr, f.Sync(), f.Close())
}

func hasSum(path string, sum []byte) bool {
	f, err := openRegular(path)
	if err != nil {
		return false
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return err == nil && bytes.Equal(h.Sum(nil), sum)
}
