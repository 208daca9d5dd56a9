package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"matterfs/crypto"
	"matterfs/crypto/keystore"
)

// storeIDName is a file beside matterfs.yaml that everybody may read: the id
// names the control socket and begins the log, and opens nothing. Those who
// may steer the daemon or verify the log need not be those who hold the keys.
const storeIDName = "store-id"

// storeIDFile is named after the configuration where that has a name of its
// own: several may lie in one directory.
func (s *settings) storeIDFile() string {
	if base := filepath.Base(s.Config); base != configName {
		return strings.TrimSuffix(s.Config, filepath.Ext(base)) + "." + storeIDName
	}
	return filepath.Join(s.Dir, storeIDName)
}

// storeID is the id of the store as its keys say, else as is published.
func (s *settings) storeID() (string, error) {
	id, err := keystore.ReadStoreID(s.Keys)
	if err == nil {
		return id.String(), nil
	}
	b, missing := os.ReadFile(s.storeIDFile())
	if missing == nil {
		if id, bad := crypto.ParseID(strings.TrimSpace(string(b))); bad == nil {
			return id.String(), nil
		}
	}
	return "", keysError(s.Keys, err)
}

// publishID writes the store id where clients look for it, unless it stands
// there already.
func (s *settings) publishID(id string) error {
	path, text := s.storeIDFile(), id+"\n"
	if b, err := os.ReadFile(path); err == nil && string(b) == text {
		return os.Chmod(path, 0o644)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+storeIDName+"-")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
