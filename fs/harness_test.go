package fs

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"matterfs/audit"
	"matterfs/crypto"
	"matterfs/crypto/store"
	"matterfs/internal/as"
	"matterfs/policy"
)

func TestMain(m *testing.M) {
	if Helper(os.Args) {
		return
	}
	as.Main()
	if path := os.Getenv(lockEnv); path != "" {
		os.Exit(lockProgram(path))
	}
	if name := os.Getenv(programEnv); name != "" {
		os.Exit(runProgram(name, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// The people of the test firm. Nobody has an account on the machine.
const (
	zhang   = 20021 // lead of both matters
	lina    = 20022 // member: read, write, create; not delete, not rename
	reader  = 20023 // member: read
	chen    = 20024 // screened from client C0091 by wall W-07
	wang    = 20025 // departed
	other   = 20026 // lawyer outside the matter
	nobody  = 20099 // not in the policy
	matter1 = "2026-0142"
	matter2 = "2026-0177"
)

const firmYAML = `version: 1
timezone: Asia/Shanghai
levels:
  秘密: {}
  机密: {}
  绝密: { two_person: { ttl: 4h } }
roles:
  lawyer: { clearance: 绝密, rights: [read, write, create, delete, rename] }
  junior: { clearance: 秘密, rights: [read, write, create, delete, rename] }
users:
  zhang.wei: { uid: 20021, role: lawyer, name: 张伟 }
  li.na: { uid: 20022, role: junior, name: 李娜 }
  zhao.lei: { uid: 20023, role: lawyer, name: 赵磊 }
  chen.jie: { uid: 20024, role: lawyer, name: 陈洁 }
  wang.qiang: { uid: 20025, role: lawyer, name: 王强, status: departed, since: 2026-01-31 }
  sun.li: { uid: 20026, role: lawyer, name: 孙丽 }
`

const matter1YAML = `matter: "2026-0142"
client: C0091
title: 甲公司诉乙公司买卖合同纠纷
level: 秘密
lead: zhang.wei
status: active
members:
  - { user: li.na, rights: [read, write, create] }
  - { user: zhao.lei, rights: [read] }
  - { user: chen.jie, rights: [read, write] }
folders:
  - { path: 鉴定, level: 机密 }
`

const matter2YAML = `matter: "2026-0177"
client: C0092
title: 丙公司股权转让
level: 秘密
lead: zhang.wei
status: active
`

const topYAML = `matter: "2026-0200"
client: C0100
title: 丁公司并购
level: 绝密
lead: zhang.wei
status: active
`

const wallsYAML = `walls:
  - { id: W-07, screen: [user: chen.jie], from: [client: C0091], reason: 曾代理对方当事人 }
`

// firm is the whole policy, by file name.
func firm() map[string][]byte {
	return map[string][]byte{
		"firm.yaml":              []byte(firmYAML),
		"matters/2026-0142.yaml": []byte(matter1YAML),
		"matters/2026-0177.yaml": []byte(matter2YAML),
		"matters/2026-0200.yaml": []byte(topYAML),
		"walls.yaml":             []byte(wallsYAML),
	}
}

func parse(t testing.TB, files map[string][]byte) *policy.Policy {
	t.Helper()
	p, err := policy.Parse(files)
	if err != nil {
		t.Fatalf("policy of the test firm: %v", err)
	}
	return p
}

// memKeys is a keystore in memory.
type memKeys struct {
	mu   sync.Mutex
	keys map[crypto.ID]*crypto.Key
	of   map[crypto.ID]string
}

func (k *memKeys) Key(id crypto.ID) (*crypto.Key, string, uint32, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys[id] == nil {
		return nil, "", 0, syscall.ENOENT
	}
	return k.keys[id], k.of[id], 1, nil
}

func (k *memKeys) create(matter string) crypto.ID {
	k.mu.Lock()
	defer k.mu.Unlock()
	id := crypto.NewID()
	k.keys[id], k.of[id] = crypto.NewKey(), matter
	return id
}

// drive is a mounted test firm.
type drive struct {
	t     testing.TB
	dir   string // holds data, log and state
	mnt   string
	keys  *memKeys
	store *store.Store
	log   *audit.Log
	srv   *Server
	done  chan struct{}
}

// mountFirm mounts the test firm on a fresh store; it is unmounted with the test.
func mountFirm(t testing.TB) *drive {
	t.Helper()
	return mountAt(t, t.TempDir(), firm())
}

func mountAt(t testing.TB, dir string, files map[string][]byte) *drive {
	t.Helper()
	return setup{dir: dir, files: files}.mount(t)
}

// setup is what a test may want otherwise than mountFirm has it; what is not set is as there.
type setup struct {
	dir   string // holds data, log and state
	files map[string][]byte
	env   *policy.Env
	each  bool                        // a record for each read
	own   bool                        // people have their own folders
	now   func() time.Time            // the clock that decisions go by
	disk  func(store.Disk) store.Disk // wraps the backing disk
	off   without                     // defences that are switched off before the mount

	budget    int  // records a second; 0: any number
	syncOpens bool // every open waits for the medium

	reserve int64                       // that the log holds on its disk
	logFile func(audit.File) audit.File // wraps the log's file
}

func (s setup) mount(t testing.TB) *drive {
	t.Helper()
	if s.dir == "" {
		s.dir = t.TempDir()
	}
	if s.files == nil {
		s.files = firm()
	}
	if s.env == nil {
		s.env = &policy.Env{}
	}
	d := &drive{t: t, dir: s.dir, mnt: filepath.Join(as.Dir(t), "mnt"), keys: &memKeys{keys: map[crypto.ID]*crypto.Key{}, of: map[crypto.ID]string{}}}
	for _, sub := range []string{d.path("data"), d.path("log"), d.path("state"), d.mnt} {
		if err := os.MkdirAll(sub, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p := parse(t, s.files)
	d.openStore(p, s.disk)
	var err error
	if d.log, err = audit.Open(audit.Options{Dir: d.path("log"), StateDir: d.path("state"), StoreID: "test-store", Reserve: s.reserve, Wrap: s.logFile}); err != nil {
		t.Fatal(err)
	}
	f := newFileSystem(Options{Mountpoint: d.mnt, Store: d.store, Policy: p, Env: s.env, Audit: d.log, Logger: zerolog.New(os.Stderr), Now: s.now, OwnFolders: s.own, EachRead: s.each,
		Budget: s.budget, SyncOpens: s.syncOpens})
	f.off.set(s.off)
	d.srv, err = mount(f)
	if err != nil {
		t.Fatal(err)
	}
	d.done = make(chan struct{})
	go func() { defer close(d.done); d.srv.Serve() }()
	t.Cleanup(d.close)
	return d
}

func (d *drive) path(name string) string { return filepath.Join(d.dir, name) }

// openStore makes the store and a folder for each matter.
func (d *drive) openStore(p *policy.Policy, wrap func(store.Disk) store.Disk) {
	d.t.Helper()
	disk, err := store.OpenOSDisk(d.path("data"))
	if err != nil {
		d.t.Fatal(err)
	}
	if wrap != nil {
		disk = wrap(disk)
	}
	id, key := crypto.NewID(), crypto.NewKey()
	if err := store.Create(disk, id, key); err != nil {
		d.t.Fatal(err)
	}
	if d.store, err = store.Open(disk, id, key, d.keys, store.Options{}); err != nil {
		d.t.Fatal(err)
	}
	for _, m := range p.Matters() {
		attr := store.NewAttr{UID: m.LeadUID, GID: m.LeadUID, Mode: 0o770}
		if _, err := d.store.CreateMatter(m.ID, d.keys.create(m.ID), m.Folder, attr); err != nil {
			d.t.Fatal(err)
		}
	}
}

// unmount takes the drive away; a second call does nothing.
func (d *drive) unmount() {
	d.t.Helper()
	select {
	case <-d.done:
		return
	default:
	}
	err := d.srv.Unmount(false)
	for i := 0; err != nil && i < 1500; i++ {
		time.Sleep(20 * time.Millisecond)
		err = d.srv.Unmount(false)
	}
	if err != nil {
		d.t.Errorf("unmount: %v", err)
		if err := d.srv.Unmount(true); err != nil {
			d.t.Errorf("lazy unmount: %v", err)
		}
	}
	<-d.done
}

func (d *drive) close() {
	d.t.Helper()
	d.unmount()
	if n := d.srv.Stats().Handles; n != 0 {
		d.t.Errorf("%d handles leaked", n)
	}
	if err := d.log.Close(); err != nil {
		d.t.Errorf("closing the log: %v", err)
	}
	if err := d.store.Close(); err != nil {
		d.t.Errorf("closing the store: %v", err)
	}
	d.verify()
}

// verify fails the test unless the log's chain is whole.
func (d *drive) verify() {
	d.t.Helper()
	rep, err := audit.Verify(audit.VerifyOptions{Dir: d.path("log"), StateDir: d.path("state"), StoreID: "test-store"})
	if err != nil {
		d.t.Errorf("audit verify: %v", err)
	} else if rep.Code() != 0 {
		d.t.Errorf("audit verify: code %d: %+v", rep.Code(), rep.Problems)
	}
}

// in is a path inside matter1.
func (d *drive) in(name string) string { return filepath.Join(d.mnt, matter1, name) }

// line is a record as a reader of the log sees it.
type line map[string]any

func (l line) str(key string) string  { s, _ := l[key].(string); return s }
func (l line) num(key string) float64 { n, _ := l[key].(float64); return n }

// records returns every line of the log, raw. One that is being written is not there yet.
func (d *drive) records() []line {
	d.t.Helper()
	b, err := os.ReadFile(d.path("log/" + audit.LiveName))
	if err != nil {
		d.t.Fatal(err)
	}
	var out []line
	for raw := range bytes.Lines(b[:bytes.LastIndexByte(b, '\n')+1]) {
		var l line
		if err := json.Unmarshal(raw, &l); err != nil {
			d.t.Fatalf("record %q: %v", raw, err)
		}
		out = append(out, l)
	}
	return out
}

// logged fails the test unless a record has all these values (key, value, key, value ...).
func (d *drive) logged(kv ...any) {
	d.t.Helper()
	if d.count(kv...) == 0 {
		d.t.Errorf("no record with %v in:\n%s", kv, d.tail(12))
	}
}

// count is how many records have all these values.
func (d *drive) count(kv ...any) int {
	d.t.Helper()
	n := 0
	for _, l := range d.records() {
		if l.has(kv) {
			n++
		}
	}
	return n
}

func (l line) has(kv []any) bool {
	for i := 0; i < len(kv); i += 2 {
		want := kv[i+1]
		if n, ok := want.(int); ok {
			want = float64(n)
		}
		if l[kv[i].(string)] != want {
			return false
		}
	}
	return true
}

// tail is the end of the log, for failure messages.
func (d *drive) tail(n int) string {
	b, _ := os.ReadFile(d.path("log/" + audit.LiveName))
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], []byte("\n")))
}

// eventually tries until it works, for at most a minute.
func eventually[T any](t *testing.T, try func() (T, error)) T {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		v, err := try()
		if err == nil {
			return v
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}
