package policy

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// DecodeStrict reads a configuration file of `key: value` lines, with the same
// strictness as a policy: into holds what each key sets, and a key that is not
// in it, one that stands twice, or a value that is empty or no single line of
// text is an error with its place. The name "audit.reads" is the key `reads` in
// the section `audit:`; there is one level of sections. A file that holds
// nothing but comments sets nothing. On error, an *Errors that lists every
// mistake, nothing is set. file stands in the messages as it is given.
//
// It is here because this package is the only one that reads YAML.
func DecodeStrict(file string, b []byte, into map[string]*string) error {
	notes := &collector{}
	s := newSource(file, b, notes)
	found := make(map[string]val, len(into))
	f, sections := fields{}, map[string]fields{}
	for name := range into {
		section, key, nested := strings.Cut(name, ".")
		if !nested {
			f[name] = s.flat(found, name)
			continue
		}
		if sections[section] == nil {
			sections[section] = fields{}
			f[section] = func(n *yaml.Node) { s.fields(n, section, sections[section]) }
		}
		sections[section][key] = s.flat(found, name)
	}
	if root := s.load(); root != nil {
		s.fields(root, "configuration", f)
	}
	if len(notes.errs) > 0 {
		return &Errors{sortErrors(notes.errs)}
	}
	for name, v := range found {
		*into[name] = v.s
	}
	return nil
}

// flat keeps the value of one key until the whole file is known to be right.
func (s *source) flat(found map[string]val, name string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var v val
		s.into(&v, name)(n)
		if v.given() {
			found[name] = v
		}
	}
}
