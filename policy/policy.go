package policy

import (
	"maps"
	"slices"
	"time"
)

// Policy is one loaded policy: an immutable value, safe for concurrent use,
// swapped whole. A nil *Policy refuses everything with sys.nopolicy.
type Policy struct {
	hash        string
	zone        *time.Location
	asOf        when
	stale       time.Duration
	levels      []*Level // low to high
	level       map[string]*Level
	roles       map[string]*role
	users       []*user // by name
	user        map[string]*user
	uid         map[uint32]*user
	groups      map[string]*group
	matters     []*matter // by id
	matter      map[string]*matter
	folder      map[string]*matter
	duties      map[string][]string
	tags        []*tag // those with rules, by name
	departments map[string]pos
	wide        []*user // who reach matters by their role, see reach
	walls       []*wall
	tests       []*test
	warnings    []*Error
}

// How reads of documents are recorded.
const (
	EachRead   = "each"  // a record for each read call
	CoverReads = "cover" // a record that covers the reads that follow
)

// Level is one confidentiality level with the rules it carries.
type Level struct {
	Name         string
	Rank         int           // 0 is the lowest
	Purpose      string        // "", "required" or "session"
	TwoPerson    time.Duration // how long a second person's presence lasts; 0: not asked for
	MaxReaders   int           // 0: no limit
	NamedOnly    bool          // grants through groups do not count
	DenyMapping  bool          // reads into the page cache are refused
	LogSync      bool          // an open is answered when its record is on the medium
	LogReads     string        // EachRead or CoverReads; "": as the daemon is set
	DeniedRoles  []string
	deniedToRole map[*role]bool
	top          bool
	tagged       tagged
	pos          pos
}

// User is one person as the policy knows them.
type User struct {
	Name       string // login name
	UID        uint32
	HasUID     bool
	Role       string
	Display    string // the person's name, Name when none is given
	Org        string // of contractors
	Department string // "" when none is given
	Status     string // active or departed
	Clearance  string // the highest level this person may open
	Until      time.Time
	Since      time.Time // when a departed one left; zero when the policy does not say
	NDA        string    // reference of the confidentiality agreement, "" when none is given
	NDAUntil   time.Time // zero: no end
	Pos        string    // file:line
}

// FolderRule raises the level of a folder or narrows who may open it.
type FolderRule struct {
	Path  string // inside the matter, without slashes at the ends
	Level string
	Only  []string // "user:NAME" or "group:NAME"; empty: all members
	Tags  []string // of the folder itself
}

// Matter is one case or engagement.
type Matter struct {
	ID, Client, Title string
	Folder            string // its name at the root of the drive
	Level             string
	Lead              string
	LeadUID           uint32 // 0 when the lead has no uid
	Status            string // active, closed, sealed or destroyed
	Folders           []FolderRule
	Tags              []string
	Department        string // "" when none is given
	Pos               string // file:line
}

type role struct {
	name          string
	clearance     *Level
	rights        Right
	approval, nda bool
	until         bool
	wide          *grant // what the role reads without being a member; nil: nothing
	pos           pos
}

type user struct {
	User
	index     int32
	role      *role
	clearance *Level
	wide      *grant // the role's, unless it is switched off or has no department
	departed  bool
	until     time.Time
	nda       *nda
	blocked   *block
	uidAt     pos
	pos       pos
}

type nda struct {
	signed, until time.Time
	pos           pos
}

type block struct {
	until  time.Time
	reason string
	pos    pos
}

type group struct {
	name, unix string
	members    []*user
	pos        pos
}

// Hash is the hex SHA-256 over the policy files; records show the first 12
// digits. It is "" for a nil policy.
func (p *Policy) Hash() string {
	if p == nil {
		return ""
	}
	return p.hash
}

// Zone is the firm's time zone.
func (p *Policy) Zone() *time.Location { return p.zone }

// StaleAfter is how long an old policy may run on after a failed reload; 0
// means that the firm set no limit.
func (p *Policy) StaleAfter() time.Duration { return p.stale }

// Warnings lists what is legal but hardly meant; see [Error.Warning].
func (p *Policy) Warnings() []*Error { return slices.Clone(p.warnings) }

// Levels lists the levels from low to high.
func (p *Policy) Levels() []Level {
	list := make([]Level, len(p.levels))
	for i, l := range p.levels {
		list[i] = *l
	}
	return list
}

// Level finds a level by name. An unknown name is the top level and false.
func (p *Policy) Level(name string) (Level, bool) {
	_, known := p.level[name]
	return *p.rank(name), known
}

// TopLevel is the name of the most restrictive level.
func (p *Policy) TopLevel() string { return p.top().Name }

func (p *Policy) top() *Level { return p.levels[len(p.levels)-1] }

// rank finds a level; what is unknown counts as the top.
func (p *Policy) rank(name string) *Level {
	if l, ok := p.level[name]; ok {
		return l
	}
	return p.top()
}

// HigherLevel tells whether a is strictly more restrictive than b; unknown
// names count as the top level.
func (p *Policy) HigherLevel(a, b string) bool { return p.rank(a).Rank > p.rank(b).Rank }

// EffectiveLevel is the level of a path in a matter: the highest of the
// matter's own, of the folder rules above it, and of the sealed ones. A matter
// that is not known has the top level.
func (p *Policy) EffectiveLevel(matter, path string, sealed []string) string {
	m, ok := p.matter[matter]
	if !ok {
		return p.TopLevel()
	}
	return p.levelAt(m, path, sealed).Name
}

// Matters lists every matter by id.
func (p *Policy) Matters() []Matter {
	list := make([]Matter, len(p.matters))
	for i, m := range p.matters {
		list[i] = m.copy()
	}
	return list
}

// Matter finds a matter by id.
func (p *Policy) Matter(id string) (Matter, bool) { return found(p.matter[id]) }

// MatterByFolder finds a matter by the name of its folder at the root.
func (p *Policy) MatterByFolder(name string) (Matter, bool) { return found(p.folder[name]) }

func found(m *matter) (Matter, bool) {
	if m == nil {
		return Matter{}, false
	}
	return m.copy(), true
}

// Users lists every user by name.
func (p *Policy) Users() []User {
	list := make([]User, len(p.users))
	for i, u := range p.users {
		list[i] = u.User
	}
	return list
}

// User finds a user by login name.
func (p *Policy) User(name string) (User, bool) {
	if u := p.user[name]; u != nil {
		return u.User, true
	}
	return User{}, false
}

// UserByUID finds who holds a uid: the active user, else the departed one who
// held it.
func (p *Policy) UserByUID(uid uint32) (User, bool) {
	if u := p.uid[uid]; u != nil {
		return u.User, true
	}
	return User{}, false
}

// Duties maps sysadmin, secadmin and auditor to user names.
func (p *Policy) Duties() map[string][]string {
	out := maps.Clone(p.duties)
	for duty, names := range out {
		out[duty] = slices.Clone(names)
	}
	return out
}

// UnixGroups lists the groups of the system that the policy asks [Env] about,
// each once, by name.
func (p *Policy) UnixGroups() []string {
	var names []string
	for _, g := range p.groups {
		if g.unix != "" {
			names = append(names, g.unix)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Pinned tells whether a folder rule names the path or something below it, so
// that staff may not move it out from under the rule.
func (p *Policy) Pinned(matter, path string) bool {
	m, ok := p.matter[matter]
	return ok && m.pinned(path) != nil
}
