// Package archtest says which package may import which, and why, and finds imports that break the rule.
//
// The map is that of the design, section 1:
//
//	cmd -> fs, policy, audit, audit/*, crypto/*      cmd/matterfs-audit -> audit, audit/cli      audit/cli -> audit, audit/report, audit/witness      audit/report, audit/witness -> audit      fs -> policy, audit, crypto/store, crypto
//	crypto/store, crypto/keystore -> crypto      nothing else
//	internal/crashdisk -> crypto/store           for tests alone
//
// Everybody may use internal/*, which imports none of them. Each third-party library stands behind the packages named
// in [libraries]; a library without a row there is refused, so that a new dependency is a decision. Imports of test
// files are exempt: they are not part of what runs.
//
// [Check] is a pure function over what `go list -json` prints; [List] runs that command.
package archtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
)

// Module is the path of this module.
const Module = "matterfs"

// Package is one package with its direct imports, as `go list -json=ImportPath,Imports,Standard` prints it.
type Package struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

// Violation is one import that the map does not have.
type Violation struct {
	From, To string
	Why      string
}

func (v Violation) Error() string { return fmt.Sprintf("%s imports %s: %s", v.From, v.To, v.Why) }

// room is a part of the tree that has the same rights throughout: a directory and all below it, up to the next room.
type room struct {
	dir string
	may []string // rooms that it may import besides itself and internal
	why string
}

var rooms = []room{
	{"cmd", []string{"fs", "policy", "audit", "audit/cli", "audit/report", "audit/witness", "crypto", "crypto/store", "crypto/keystore"},
		"commands put the parts together and import no other command"},
	{"fs", []string{"policy", "audit", "crypto/store", "crypto"},
		"the file system asks policy, writes audit records and reads the store; keys reach it only through the store"},
	{"policy", nil, "decisions are pure: no disk format, no log, no file system"},
	{"audit", nil, "the log must be readable on a machine that has nothing else of matterfs"},
	{"audit/report", []string{"audit"}, "a report is made of the log and of facts that were taken along, on any machine"},
	{"audit/witness", []string{"audit"}, "a witness sees checkpoints alone, on a machine that has nothing else of matterfs"},
	{"audit/cli", []string{"audit", "audit/report", "audit/witness"}, "the auditors' commands run on laptops that have nothing else of matterfs"},
	{"cmd/matterfs-audit", []string{"audit", "audit/cli"}, "the auditors' command builds without FUSE and cgo, for any system"},
	{"crypto/store", []string{"crypto"}, "the store knows keys by an interface, and nothing of who may do what"},
	{"crypto/keystore", []string{"crypto"}, "the keystore holds keys, and nothing of what they encrypt"},
	{"crypto", nil, "sealing and opening depend on nothing of ours, so that the format can be read alone"},
	{"internal", nil, "small parts that all may use import none of them"},
	{"internal/crashdisk", []string{"crypto/store"}, "a disk for tests knows the interface of disks alone"},
	{"benchmarks", nil, "a yardstick shares no code with what it measures"},
	{"examples", nil, "examples use the command, not its packages"},
}

// library is a third-party module path and the rooms that may import it.
type library struct {
	path string
	in   []string
	why  string
}

var libraries = []library{
	{"github.com/hanwen/go-fuse/v2", []string{"fs", "benchmarks"}, "only fs knows FUSE"},
	{"gopkg.in/yaml.v3", []string{"policy"}, "only policy knows YAML"},
	{"github.com/minio/sio", cryptoRooms, "only crypto knows DARE"},
	{"filippo.io/age", cryptoRooms, "only crypto knows age"},
	{"github.com/tink-crypto/tink-go/v2", cryptoRooms, "only crypto knows SIV"},
	{"golang.org/x/crypto", cryptoRooms, "only crypto knows algorithms"},
	{"github.com/rs/zerolog", []string{"cmd", "fs", "audit"}, "libraries take a function to log with, not a logger"},
	{"github.com/spf13/cobra", []string{"cmd", "cmd/matterfs-audit", "audit/cli"}, "only commands read flags"},
	{"github.com/spf13/pflag", []string{"cmd", "cmd/matterfs-audit", "audit/cli"}, "only commands read flags"},
	{"golang.org/x/term", []string{"cmd", "audit/cli"}, "only commands talk to a terminal"},
	{"github.com/fsnotify/fsnotify", []string{"cmd"}, "only the daemon watches files"},
	{"golang.org/x/mod", []string{"audit", "audit/witness", "cmd"}, "signed notes and Merkle proofs belong to the log"},
	{"rsc.io/qr", []string{"cmd", "audit/cli"}, "only commands draw"},
	{"golang.org/x/text", []string{"policy", "audit", "audit/report", "cmd"}, "text is for people: messages, widths, encodings"},
	{"golang.org/x/sys", allRooms, "system calls that the standard library lacks"},
}

var (
	cryptoRooms = []string{"crypto", "crypto/store", "crypto/keystore"}
	allRooms    = []string{"cmd", "cmd/matterfs-audit", "fs", "policy", "audit", "audit/cli", "audit/report", "audit/witness", "crypto", "crypto/store", "crypto/keystore", "internal", "benchmarks", "examples"}
)

// Check returns every import that the map does not have, in the order of the packages given. Packages of the standard
// library and of other modules are not judged themselves.
func Check(packages []Package) []Violation {
	var bad []Violation
	for _, p := range packages {
		if p.Standard || !inModule(p.ImportPath) {
			continue
		}
		from, ok := roomOf(p.ImportPath)
		if !ok {
			bad = append(bad, Violation{p.ImportPath, "-", "no room of internal/archtest holds this package; say there what it may import"})
			continue
		}
		for _, to := range p.Imports {
			if why := judge(from, to); why != "" {
				bad = append(bad, Violation{p.ImportPath, to, why})
			}
		}
	}
	return bad
}

// judge returns why a package of the room may not import to, or "".
func judge(from room, to string) string {
	if inModule(to) {
		return judgeOurs(from, to)
	}
	if standard(to) {
		return ""
	}
	for _, l := range libraries {
		if !within(to, l.path) {
			continue
		}
		if slices.Contains(l.in, from.dir) {
			return ""
		}
		return fmt.Sprintf("%s; allowed in %s", l.why, strings.Join(l.in, ", "))
	}
	return "no row of internal/archtest names this library: a new dependency is a decision"
}

func judgeOurs(from room, to string) string {
	target, ok := roomOf(to)
	switch {
	case !ok:
		return "it lies in no room of internal/archtest"
	case target.dir == from.dir && from.dir != "cmd", target.dir == "internal", slices.Contains(from.may, target.dir):
		return ""
	}
	return from.why
}

// roomOf finds the innermost room of a package of this module.
func roomOf(path string) (room, bool) {
	var best room
	for _, r := range rooms {
		if within(path, Module+"/"+r.dir) && len(r.dir) > len(best.dir) {
			best = r
		}
	}
	return best, best.dir != ""
}

func inModule(path string) bool     { return within(path, Module) }
func within(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

// standard tells the standard library by the missing dot in the first element, as the go command does.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// List runs go list on all packages of the module at dir and decodes its answer. Packages that do not build are listed
// too (-e): that is for the compiler to report.
func List(dir string) ([]Package, error) {
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,Standard", "./...")
	cmd.Dir = dir
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, fmt.Errorf("go list: %w: %s", err, exit.Stderr)
	}
	if err != nil {
		return nil, err
	}
	return decode(strings.NewReader(string(out)))
}

// decode reads the stream of JSON objects that go list prints.
func decode(r io.Reader) ([]Package, error) {
	var list []Package
	for dec := json.NewDecoder(r); ; {
		var p Package
		switch err := dec.Decode(&p); err {
		case nil:
			list = append(list, p)
		case io.EOF:
			return list, nil
		default:
			return nil, fmt.Errorf("output of go list: %w", err)
		}
	}
}
