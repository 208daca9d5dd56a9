package witness

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"matterfs/audit"
)

// KeyName is the file in the directory of a witness that holds its private key.
const KeyName = "witness.key"

// keyHead begins that file; the name and the seed follow, a line each.
const keyHead = "matterfs-witness-key/v1"

// KeyError says that the private key of a witness cannot be used.
type KeyError struct {
	Path  string
	Cause error
}

func (e *KeyError) Error() string { return e.Path + ": " + e.Cause.Error() }
func (e *KeyError) Unwrap() error { return e.Cause }

// Init makes the directory and the private key of a witness, unless there is one, and returns its verifier key. name is the witness in
// signatures; empty: one is made up. A key that is there keeps its name: another one is refused.
func Init(dir, name string) (vkey string, err error) {
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.MkdirAll(filepath.Join(dir, logsName), 0o700)); err != nil {
		return "", err
	}
	path := filepath.Join(dir, KeyName)
	key, err := loadKey(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		key, err = makeKey(dir, name)
	case err == nil && name != "" && !strings.HasPrefix(key.Key(), name+"+"):
		err = &KeyError{path, fmt.Errorf("is that of %s; a witness keeps its name", key.Key())}
	}
	if err != nil {
		return "", err
	}
	return key.Key(), nil
}

func makeKey(dir, name string) (*audit.Cosigner, error) {
	seed := make([]byte, 32)
	rand.Read(seed) // never fails: it ends the process instead
	defer clear(seed)
	if name == "" {
		id := make([]byte, 4)
		rand.Read(id)
		name = "matterfs-witness/" + hex.EncodeToString(id)
	}
	key, err := audit.NewCosigner(name, seed)
	if err != nil {
		return nil, err
	}
	text := keyHead + "\n" + name + "\n" + base64.StdEncoding.EncodeToString(seed) + "\n"
	return key, replace(osFiles(dir), KeyName, []byte(text))
}

// loadKey reads the private key. One that others can read is no secret.
func loadKey(path string) (*audit.Cosigner, error) {
	st, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	switch {
	case !st.Mode().IsRegular():
		return nil, &KeyError{path, errors.New("is no regular file")}
	case st.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows":
		return nil, &KeyError{path, fmt.Errorf("others can read it (mode %04o): make a new one in another directory, or, if nobody did, chmod 600", st.Mode().Perm())}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	l := strings.Split(string(b), "\n")
	if len(l) != 4 || l[0] != keyHead || l[3] != "" {
		return nil, &KeyError{path, errors.New("is no private key of a witness")}
	}
	seed, err := base64.StdEncoding.Strict().DecodeString(l[2])
	if err != nil {
		return nil, &KeyError{path, errors.New("is no private key of a witness")}
	}
	defer clear(seed)
	key, err := audit.NewCosigner(l[1], seed)
	if err != nil {
		return nil, &KeyError{path, err}
	}
	return key, nil
}
