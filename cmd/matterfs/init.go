package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"matterfs/audit"
	"matterfs/crypto/keystore"
	"matterfs/crypto/store"
)

// auditGroup may read the log, if the machine has it.
const auditGroup = "matterfs-audit"

type initOptions struct {
	dir        string
	recipients []string
	recovery   []string
}

func newInit(a *app) *cobra.Command {
	var o initOptions
	c := &cobra.Command{
		Use:   "init DIR",
		Short: "make a store",
		Long: "init makes DIR with matterfs.yaml, data, keys, policy, log and state.\n" +
			"Without --recipient it writes a new age identity to DIR.identity (or to --identity FILE);\n" +
			"--recovery and --passphrase-file add further ways to open the keys. With --user the store is for a daemon\n" +
			"that gives up root: data, keys, log and state are that user's, the policy is read by its group.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.dir = args[0]
			return runInit(a, o)
		},
	}
	c.Flags().StringArrayVar(&o.recipients, "recipient", nil, "age `recipient` of an administrator; may be repeated")
	c.Flags().StringArrayVar(&o.recovery, "recovery", nil, "age `recipient` of an offline recovery identity; may be repeated")
	a.userFlag(c.Flags())
	return c
}

// initReport is what init prints.
type initReport struct {
	Store      string   `json:"store"`
	Paths      settings `json:"paths"`
	Recipients []string `json:"recipients"`
	Recovery   []string `json:"recovery,omitempty"`
	Passphrase bool     `json:"passphrase"`
	NewKey     bool     `json:"identity_written"`
	LogKey     string   `json:"log_key"` // verification key of the log
}

func runInit(a *app, o initOptions) (err error) {
	m, err := planInit(a, o)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			m.undo()
		}
	}()
	if err := m.make(); err != nil {
		return err
	}
	return m.report(a)
}

// maker makes one store and remembers what it made, to take it back when a
// later step fails: an init that failed may be run again.
type maker struct {
	s      settings
	keys   keystore.InitOptions
	newKey []byte // identity file to write, nil when the recipients were given
	store  string
	logKey string
	made   []string
	who    *serviceUser // whom the daemon is to become; nil: root
}

// planInit looks at everything that can be wrong before anything is written.
func planInit(a *app, o initOptions) (*maker, error) {
	s, err := initSettings(a, o)
	if err != nil {
		return nil, err
	}
	m := &maker{s: s, keys: keystore.InitOptions{Recipients: o.recipients, Recovery: o.recovery}}
	if m.keys.Passphrase, err = a.initPassphrase(); err != nil {
		return nil, err
	}
	if s.User != "" {
		who, err := findServiceUser(s.User)
		if err != nil {
			return nil, err
		}
		m.who = &who
	}
	if err := m.refuseExisting(); err != nil {
		return nil, err
	}
	if err := checkOverlap(s.places()); err != nil {
		return nil, err
	}
	return m, m.planIdentity(a, len(o.recipients) == 0)
}

func initSettings(a *app, o initOptions) (settings, error) {
	config := a.flags.config
	if config == "" {
		config = filepath.Join(o.dir, configName)
	}
	config, err := filepath.Abs(config)
	if err != nil {
		return settings{}, err
	}
	s := defaults(config)
	return s, a.override(&s)
}

func (a *app) initPassphrase() ([]byte, error) {
	if a.flags.passphraseFile == "" {
		return nil, nil
	}
	b, err := readPassphrase(a.flags.passphraseFile)
	if err != nil && !asErr[*looseError](err) {
		err = usagef("%v", err)
	}
	return b, err
}

// refuseExisting makes a second init change nothing.
func (m *maker) refuseExisting() error {
	for _, p := range append(m.s.places(), place{"store", m.s.Dir}) {
		entries, err := os.ReadDir(p.path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if len(entries) > 0 && isStore(m.s.Dir) {
			return &existsError{m.s.Dir, "is a store already"}
		}
		if len(entries) > 0 {
			return &existsError{p.path, "is not empty"}
		}
	}
	return nil
}

// planIdentity makes a new identity where the recipients do not do without one.
func (m *maker) planIdentity(a *app, needed bool) error {
	path := a.flags.identity
	if path == "" && !needed {
		m.s.Identity = ""
		return nil
	}
	if path != "" {
		abs, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		m.s.Identity = abs
	}
	if _, err := os.Lstat(m.s.Identity); err == nil {
		return &existsError{m.s.Identity, "exists; an identity is never overwritten"}
	}
	if within(m.s.Identity, m.s.Dir) {
		return usagef("identity %s lies inside the store %s; whoever copies the store must not get its key", m.s.Identity, m.s.Dir)
	}
	text, recipient, err := keystore.GenerateIdentity()
	m.newKey = text
	m.keys.Recipients = append([]string{recipient}, m.keys.Recipients...)
	return err
}

func (m *maker) make() error {
	if err := m.makeDirs(); err != nil {
		return err
	}
	// Keys first: they refuse a bad recipient.
	keys, err := keystore.Init(m.s.Keys, m.keys)
	if err != nil {
		return err
	}
	defer keys.Lock()
	m.store = keys.StoreID().String()
	if err := m.makeStore(keys); err != nil {
		return err
	}
	if m.newKey != nil {
		if err := m.write(m.s.Identity, m.newKey, 0o600); err != nil {
			return err
		}
	}
	if err := m.write(filepath.Join(m.s.Policy, "firm.yaml"), []byte(firmTemplate), 0o640); err != nil {
		return err
	}
	if err := m.write(m.s.storeIDFile(), []byte(m.store+"\n"), 0o644); err != nil {
		return err
	}
	if err := m.makeLogKey(); err != nil {
		return err
	}
	if m.who != nil {
		if err := m.giveTo(*m.who); err != nil {
			return err
		}
	}
	// The configuration is last: it is what makes the directory a store.
	return m.write(m.s.Config, configText(m.s), 0o644)
}

// makeLogKey makes the first key that seals the log. Whoever keeps its
// verification key elsewhere can tell later whether the log was rewritten.
func (m *maker) makeLogKey() (err error) {
	m.made = append(m.made, filepath.Join(m.s.State, audit.KeysName), filepath.Join(m.s.Log, audit.VKeyName))
	m.logKey, err = audit.InitKeys(audit.Options{Dir: m.s.Log, StateDir: m.s.State, StoreID: m.store, Group: auditGID()})
	return err
}

func (m *maker) makeStore(keys *keystore.Keystore) error {
	disk, err := store.OpenOSDisk(m.s.Data)
	if err != nil {
		return err
	}
	key := keys.StoreKey(storePurpose)
	defer key.Wipe()
	return store.Create(disk, keys.StoreID(), key)
}

// makeDirs gives each part the modes its readers need: auditors reach the log
// through DIR, nobody but root anything else.
func (m *maker) makeDirs() error {
	for _, d := range []struct {
		path string
		mode os.FileMode
	}{
		{m.s.Dir, 0o711}, {m.s.Data, 0o700}, {m.s.Keys, 0o700}, {m.s.Policy, 0o750},
		{filepath.Join(m.s.Policy, "matters"), 0o750}, {m.s.Log, 0o750}, {m.s.State, 0o700},
	} {
		if err := m.mkdir(d.path, d.mode); err != nil {
			return err
		}
	}
	return ownLog(m.s.Log, auditGID())
}

// ownLog gives the log's directory and its older parts to those who may read
// them. A group that somebody chose is left alone; the file that grows has the
// group from package audit.
func ownLog(dir string, gid int) error {
	if gid < 0 {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	paths := []string{dir}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "audit") && e.Type().IsRegular() {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	for _, path := range paths {
		err = errors.Join(err, giveGroup(path, gid))
	}
	return err
}

// giveGroup changes the group of what still has root's.
func giveGroup(path string, gid int) error {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil || st.Gid != 0 {
		return err
	}
	return os.Lchown(path, -1, gid)
}

func (m *maker) mkdir(path string, mode os.FileMode) error {
	err := os.Mkdir(path, mode)
	if errors.Is(err, fs.ErrExist) {
		return os.Chmod(path, mode)
	}
	if errors.Is(err, fs.ErrNotExist) && filepath.Dir(path) != path {
		if err := m.mkdir(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return m.mkdir(path, mode)
	}
	if err != nil {
		return err
	}
	m.made = append(m.made, path)
	return os.Chmod(path, mode) // the umask is not asked
}

func (m *maker) write(path string, b []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	m.made = append(m.made, path)
	_, err = bytes.NewReader(b).WriteTo(f)
	return errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
}

// undo removes what this init made, newest first. A directory that existed
// before is left, emptied of what was put into it.
func (m *maker) undo() {
	for _, p := range []string{m.s.Data, m.s.Keys} {
		removeContents(p)
	}
	for i := len(m.made) - 1; i >= 0; i-- {
		os.Remove(m.made[i])
	}
}

// removeContents empties a directory that planInit found empty.
func removeContents(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		os.RemoveAll(filepath.Join(dir, e.Name()))
	}
}

// auditGID is the group that may read the log, or -1.
func auditGID() int {
	g, err := answered(func() (*user.Group, error) { return user.LookupGroup(auditGroup) })
	if err != nil {
		return -1
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		return -1
	}
	return gid
}

func (m *maker) report(a *app) error {
	r := initReport{Store: m.store, Paths: m.s, Recipients: m.keys.Recipients, Recovery: m.keys.Recovery,
		Passphrase: m.keys.Passphrase != nil, NewKey: m.newKey != nil, LogKey: m.logKey}
	if a.json {
		return a.printJSON(r)
	}
	return a.printInit(r)
}
