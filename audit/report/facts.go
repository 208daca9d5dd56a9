package report

import "time"

// Facts is what a report needs to know beside the log. It is made from the policies of a store and is plain data: written as JSON
// it serves where the store is not.
type Facts struct {
	Made     time.Time         `json:"made"`
	Since    time.Time         `json:"since,omitzero"` // rights that touch the time from then on; zero: all that is known
	Until    time.Time         `json:"until"`          // and before then
	Zone     string            `json:"zone"`           // the firm's
	Levels   []string          `json:"levels"`         // low to high
	People   map[string]Person `json:"people"`         // by login name; everybody who was ever in a policy that was kept
	Matters  map[string]Matter `json:"matters"`
	Policies []PolicySpan      `json:"policies"`       // oldest first
	Rights   []Right           `json:"rights"`         // who could do what, when
	Gaps     []Gap             `json:"gaps,omitempty"` // what is not known
}

// Gap is something that is not known. It names nobody and nothing: a report of one matter prints it too.
type Gap struct {
	What string `json:"what"`         // lost, groups, first, mended, seals or bad; see the texts gap.* of the reports
	N    uint64 `json:"n,omitempty"`  // how many, or the first record
	Of   uint64 `json:"of,omitempty"` // of how many
}

// Person is somebody as the newest policy that names them knows them.
type Person struct {
	UIDs       []uint32  `json:"uids,omitempty"` // all they ever had, the newest first
	Name       string    `json:"name"`           // the person's own; the login name where none is given
	Role       string    `json:"role"`
	Org        string    `json:"org,omitempty"` // of contractors
	Department string    `json:"department,omitempty"`
	Status     string    `json:"status"`         // active, departed, or gone: in no policy any more
	Since      time.Time `json:"since,omitzero"` // since when departed or gone
	Until      time.Time `json:"until,omitzero"` // end of their term
	Duties     []string  `json:"duties,omitempty"`
	NDA        string    `json:"nda,omitempty"` // reference of the confidentiality agreement
	NDAUntil   time.Time `json:"nda_until,omitzero"`
	Named      []Mention `json:"named,omitempty"` // where the newest policy names them
}

// Mention is a place in a policy that names somebody.
type Mention struct {
	What  string `json:"what"`  // lead, member or only (of a folder), group, duty
	Where string `json:"where"` // matter id; name of the group or of the duty
}

// Matter is a case as the newest policy that names it knows it.
type Matter struct {
	Title      string   `json:"title,omitempty"`
	Client     string   `json:"client"`
	Level      string   `json:"level"`
	Lead       string   `json:"lead"`
	Status     string   `json:"status"`
	Department string   `json:"department,omitempty"`
	Tags       []string `json:"tags,omitempty"`
	Folders    []string `json:"folders,omitempty"` // that a rule of any kept policy, or a sealed level, sets apart
}

// PolicySpan is a policy and when it was in force.
type PolicySpan struct {
	Hash string    `json:"hash"` // 12 hex digits, as records carry them
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"` // zero: it still is
	Kept bool      `json:"kept"`        // its files could be asked; not so: what it allowed is not in Rights
}

// Right is what one person could do in one matter or folder for one span of time, without a break and without a change. Each of the
// matter's Folders has rights of its own, also where they are those of the matter: who has none there could do nothing.
type Right struct {
	User   string    `json:"user"`
	Matter string    `json:"matter"`
	Path   string    `json:"path,omitempty"` // a folder that a rule of the policy sets apart; empty: the matter's root
	Rights []string  `json:"rights"`         // read, write, create, delete, rename
	Rule   string    `json:"rule"`           // that let them read; without read: that let them do the first of Rights
	From   time.Time `json:"from"`           // that of the first policy where it may have been so before the log begins
	To     time.Time `json:"to,omitzero"`    // zero: no end in sight; after Made: it will end then, if the policy stays as it is
}
