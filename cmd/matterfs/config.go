package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"matterfs/policy"
)

const configName = "matterfs.yaml"

// settings says where the parts of one store lie. All paths are absolute.
type settings struct {
	Dir            string `json:"dir"` // what matterfs.yaml lies in
	Config         string `json:"config"`
	Data           string `json:"data"`
	Keys           string `json:"keys"`
	Policy         string `json:"policy"`
	Log            string `json:"log"`
	State          string `json:"state"`
	Identity       string `json:"identity,omitempty"`
	PassphraseFile string `json:"passphrase_file,omitempty"`
	Retention      string `json:"log_retention_days"`
	Reads          string `json:"audit_reads"`
	Sync           string `json:"audit_sync"`
	Budget         string `json:"audit_budget"`
	Witness        string `json:"audit_witness,omitempty"`     // URL
	WitnessKey     string `json:"audit_witness_key,omitempty"` // its verifier key
	Alert          string `json:"hooks_alert,omitempty"`
	BulkFiles      string `json:"hooks_bulk_files"`
	BulkBytes      string `json:"hooks_bulk_bytes"`
	User           string `json:"user,omitempty"` // whom the daemon becomes; "": it stays root
}

// settings finds the store that a verb is to work on: dir, or the directory of
// --config, or the working directory when it is a store.
func (a *app) settings(dir string) (settings, error) {
	config, err := a.findConfig(dir)
	if err != nil {
		return settings{}, err
	}
	s := defaults(config)
	if err := s.load(); err != nil {
		return settings{}, err
	}
	return s, a.override(&s)
}

// findConfig returns the absolute path of the configuration file.
func (a *app) findConfig(dir string) (string, error) {
	config := a.flags.config
	if config == "" {
		config = filepath.Join(dir, configName)
	}
	config, err := filepath.Abs(config)
	if err != nil {
		return "", err
	}
	_, err = os.Stat(config)
	if errors.Is(err, fs.ErrNotExist) {
		if dir == "" && a.flags.config == "" {
			return "", usagef("which store? name its directory, or give --config FILE")
		}
		return "", usagef("%s does not exist; matterfs init DIR makes a store", config)
	}
	return config, err
}

// defaults is the layout that init makes (DESIGN 1).
func defaults(config string) settings {
	dir := filepath.Dir(config)
	return settings{
		Dir: dir, Config: config,
		Data: filepath.Join(dir, "data"), Keys: filepath.Join(dir, "keys"),
		Policy: filepath.Join(dir, "policy"), Log: filepath.Join(dir, "log"),
		State: filepath.Join(dir, "state"), Identity: dir + ".identity",
		Retention: retentionDefault, Reads: policy.CoverReads, Sync: syncDefault, Budget: budgetDefault,
		BulkFiles: bulkFilesDefault, BulkBytes: bulkBytesDefault,
	}
}

// load reads the configuration file over the defaults.
func (s *settings) load() error {
	b, err := os.ReadFile(s.Config)
	if err != nil {
		return err
	}
	fields := s.fields()
	before := make(map[string]string, len(fields))
	for name, p := range fields {
		before[name] = *p
	}
	if err := policy.DecodeStrict(s.Config, b, fields); err != nil {
		return usagef("%v", err)
	}
	for name, p := range fields {
		if *p != before[name] && !filepath.IsAbs(*p) && slices.Contains(pathKeys(), name) {
			*p = filepath.Join(s.Dir, *p)
		}
	}
	return nil
}

// pathKeys are the keys whose values are paths, relative to the file.
func pathKeys() []string {
	return []string{"data", "keys", "policy", "log", "state", "identity", "passphrase-file"}
}

// fields are the keys of the configuration file; "audit.reads" is `reads` in
// the section `audit`.
func (s *settings) fields() map[string]*string {
	return map[string]*string{
		"data": &s.Data, "keys": &s.Keys, "policy": &s.Policy, "log": &s.Log, "state": &s.State,
		"identity": &s.Identity, "passphrase-file": &s.PassphraseFile, "user": &s.User,
		retentionKey: &s.Retention, readsKey: &s.Reads, syncKey: &s.Sync, budgetKey: &s.Budget,
		witnessKey: &s.Witness, witnessVKeyKey: &s.WitnessKey,
		hookKey: &s.Alert, bulkFilesKey: &s.BulkFiles, bulkBytesKey: &s.BulkBytes,
	}
}

// override lets flags win. --identity and --passphrase-file are not taken over
// here: unlock treats what was asked for differently from what is configured.
func (a *app) override(s *settings) error {
	if a.flags.user != "" {
		s.User = a.flags.user
	}
	for _, f := range []struct {
		flag string
		to   *string
	}{
		{a.flags.data, &s.Data}, {a.flags.keys, &s.Keys}, {a.flags.policy, &s.Policy},
		{a.flags.log, &s.Log}, {a.flags.state, &s.State},
	} {
		if f.flag == "" {
			continue
		}
		abs, err := filepath.Abs(f.flag)
		if err != nil {
			return err
		}
		*f.to = abs
	}
	return nil
}

// isStore tells a store's directory from a bare policy or log directory.
func isStore(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, configName))
	return err == nil
}
