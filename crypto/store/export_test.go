package store

import (
	"reflect"
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
