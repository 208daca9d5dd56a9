package report

import "time"

// Facts is what a report needs to know beside the log. It is made from the policies of a store and is plain data: written as JSON
// it serves where the store is not.
type Facts struct {
	Made     time.Time         `json:"made"`
	Zone     string            `json:"zone"`   // the firm's
	Levels   []string          `json:"levels"` // low to high
	People   map[string]Person `json:"people"` // by login name; everybody who was ever in a policy that was kept
	Matters  map[string]Matter `json:"matters"`
	Policies []PolicySpan      `json:"policies"`       // oldest first
	Rights   []Right           `json:"rights"`         // who could do what, when
	Gaps     []string          `json:"gaps,omitempty"` // what is not known, in words: a policy whose files are lost ...
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
}

// PolicySpan is a policy and when it was in force.
type PolicySpan struct {
	Hash string    `json:"hash"` // 12 hex digits, as records carry them
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"` // zero: it still is
	Kept bool      `json:"kept"`        // its files could be asked; not so: what it allowed is not in Rights
}

// Right is what one person could do in one matter or folder for one span of time, without a break.
type Right struct {
	User   string    `json:"user"`
	Matter string    `json:"matter"`
	Path   string    `json:"path,omitempty"` // a folder that a rule of the policy sets apart; empty: the matter's root
	Rights []string  `json:"rights"`         // read, write, create, delete, rename
	Rule   string    `json:"rule"`           // that let them read
	From   time.Time `json:"from"`
	To     time.Time `json:"to,omitzero"` // zero: still
}
