package store

import (
	"reflect"
	"strings"
	"unsafe"
)

// RuleNames lists the switches that break one promise of the crash safety each.
func RuleNames() (names []string) {
	for f := range reflect.TypeFor[rules]().Fields() {
		names = append(names, f.Name)
	}
	return names
}

// BreakRule turns one of them on. It panics when there is none of that name.
func BreakRule(o *Options, name string) {
	f, ok := reflect.TypeFor[rules]().FieldByName(name)
	if !ok {
		panic("no rule " + name)
	}
	*(*bool)(unsafe.Add(unsafe.Pointer(&o.breaks), f.Offset)) = true
}

// BackingPath returns where the backing file or folder of name in d is, relative
// to the directory of the store.
func BackingPath(d *Object, name string) string {
	stored, _, err := d.m.names.Seal(d.id, name)
	if err != nil {
		panic(err)
	}
	for ; d != nil; d = d.parent {
		at := d.m.stored
		if d.parent != nil {
			at, _, _ = d.m.names.Seal(d.parent.id, d.name)
		}
		stored = at + "/" + stored
	}
	return stored
}

// JournalPath returns where the journal of the file with a backing path is.
func JournalPath(backing string) string {
	i := strings.LastIndexByte(backing, '/') + 1
	return backing[:i] + journalName(backing[i:])
}
