package main

import (
	"os"
	"strings"

	"matterfs/policy"
)

// exposed tells whether people without any right on the store can look into
// its policy. They see the titles and clients of every matter then, which the
// drive takes care to hide. The directory decides: behind one that is closed
// the modes of files do not count, and editors make those as they please.
func exposed(policyDir string) bool {
	st, err := os.Stat(policyDir)
	return err == nil && st.Mode().Perm()&0o005 != 0
}

// unmeetable lists what a level asks for and nobody can give in this version,
// so that it refuses everybody, the lead too.
func unmeetable(p *policy.Policy) []*policy.Error {
	var list []*policy.Error
	for _, l := range p.Levels() {
		var asks []string
		if l.Purpose == "session" {
			asks = append(asks, "`purpose: session`")
		}
		if l.TwoPerson > 0 {
			asks = append(asks, "`two_person`")
		}
		if asks != nil {
			list = append(list, &policy.Error{
				File: "level " + l.Name,
				Msg:  strings.Join(asks, " and ") + " cannot be met in this version: everybody is refused at this level",
				Hint: "use `purpose: required` to let people in",
			})
		}
	}
	return list
}
