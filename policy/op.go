package policy

import "strings"

// Right is a set of the five rights that staff understand. The zero value is
// no right at all.
type Right uint8

// The rights, in the order in which they are printed.
const (
	Read   Right = 1 << iota // open, list, search
	Write                    // save: content, times, mode, attributes, own temporary files
	Create                   // new documents, folders and links
	Delete                   // remove documents of others
	Rename                   // rename or move documents of others
)

// AllRights is what a matter's lead has before the role caps it.
const AllRights = Read | Write | Create | Delete | Rename

// rightNames stands in bit order: rightNames[i] names 1<<i.
var rightNames = [...]string{"read", "write", "create", "delete", "rename"}

// String lists the rights joined by "|", or "none".
func (r Right) String() string {
	names := r.Names()
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, "|")
}

// Names lists the rights one by one.
func (r Right) Names() []string {
	var names []string
	for i, name := range rightNames {
		if r&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// ParseRight reads one of the five words of a policy file.
func ParseRight(word string) (Right, bool) {
	for i, name := range rightNames {
		if name == word {
			return 1 << i, true
		}
	}
	return 0, false
}

// Op is what a caller asks for. The zero value is no operation and is refused.
type Op uint8

// The operations. The table in the package documentation says which right
// each needs.
const (
	OpLookup Op = 1 + iota
	OpGetattr
	OpList
	OpOpenRead
	OpRead
	OpFill // a read into the page cache (mapping, exec); levels may refuse it
	OpReadlink
	OpGetxattr
	OpOpenWrite
	OpWrite
	OpTruncate
	OpSetattr
	OpSetxattr
	OpAllocate
	OpFsync
	OpCreate
	OpMkdir
	OpSymlink
	OpUnlink
	OpRmdir
	OpRenameFrom    // the object that moves, at its old path
	OpRenameTo      // the name that appears, at its new path
	OpRenameReplace // the object that a rename replaces
)

// opRow says what an operation is called, which rights suffice (any bit), and
// which suffice on an object that the caller created.
type opRow struct {
	name     string
	needs    Right
	own      Right
	modifies bool
}

// saving is what lets people fill the documents that they made themselves and
// tidy up after their own editor: lock files, temporary files, backups.
const saving = Write | Create

var opTable = [...]opRow{
	OpLookup:        {"lookup", Read, Read, false},
	OpGetattr:       {"getattr", Read, Read, false},
	OpList:          {"list", Read, Read, false},
	OpOpenRead:      {"open", Read, Read, false},
	OpRead:          {"read", Read, Read, false},
	OpFill:          {"fill", Read, Read, false},
	OpReadlink:      {"readlink", Read, Read, false},
	OpGetxattr:      {"getxattr", Read, Read, false},
	OpOpenWrite:     {"openwrite", Write, saving, true},
	OpWrite:         {"write", Write, saving, true},
	OpTruncate:      {"truncate", Write, saving, true},
	OpSetattr:       {"setattr", Write, saving, true},
	OpSetxattr:      {"setxattr", Write, saving, true},
	OpAllocate:      {"allocate", Write, saving, true},
	OpFsync:         {"fsync", Read | Write, Read | Write, false},
	OpCreate:        {"create", saving, saving, true},
	OpMkdir:         {"mkdir", Create, Create, true},
	OpSymlink:       {"symlink", Create, Create, true},
	OpUnlink:        {"unlink", Delete, saving | Delete, true},
	OpRmdir:         {"rmdir", Delete, saving | Delete, true},
	OpRenameFrom:    {"rename", Rename, saving | Rename, true},
	OpRenameTo:      {"renameto", saving | Rename, saving | Rename, true},
	OpRenameReplace: {"replace", Write | Delete, saving | Delete, true},
}

// row is the zero row for an operation that does not exist, which no right
// satisfies.
func (o Op) row() *opRow {
	if int(o) < len(opTable) {
		return &opTable[o]
	}
	return &opTable[0]
}

// Needs returns the rights of which any one suffices. own says that the caller
// created the object. An unknown operation needs a right that nobody has: 0.
func (o Op) Needs(own bool) Right {
	if own {
		return o.row().own
	}
	return o.row().needs
}

// Modifies tells whether a closed matter refuses the operation.
func (o Op) Modifies() bool { return o.row().modifies }

// String is the short English name used in tests, explanations and messages.
func (o Op) String() string {
	if name := o.row().name; name != "" {
		return name
	}
	return "unknown"
}

// moves tells whether the operation takes an object away from its name.
func (o Op) moves() bool {
	return o == OpUnlink || o == OpRmdir || o == OpRenameFrom || o == OpRenameReplace
}

// ParseOp reads an operation by its name or, for a right that is no operation
// by name ("delete"), the operation that stands for it.
func ParseOp(name string) (Op, bool) {
	for op := OpLookup; int(op) < len(opTable); op++ {
		if opTable[op].name == name {
			return op, true
		}
	}
	if right, ok := ParseRight(name); ok {
		return right.probe(), true
	}
	return 0, false
}

// Ops lists every operation in the order of the table.
func Ops() []Op {
	ops := make([]Op, 0, len(opTable)-1)
	for op := OpLookup; int(op) < len(opTable); op++ {
		ops = append(ops, op)
	}
	return ops
}

// probe is the operation that only this right allows on other people's
// objects: what `can: delete` in a test asks.
func (r Right) probe() Op {
	switch r {
	case Read:
		return OpOpenRead
	case Write:
		return OpOpenWrite
	case Create:
		return OpMkdir
	case Delete:
		return OpUnlink
	case Rename:
		return OpRenameFrom
	}
	return 0
}
