package policy

import _ "embed"

//go:embed schema.json
var schema string

// Schema is the JSON Schema (draft 2020-12) of a policy file, for editors: it
// knows every key, its words and its form. What needs the whole policy, such as
// whether a name is known, is for Parse alone. A file that Parse takes alone or
// with others is valid by it. Editors that ask yaml-language-server find it by a
// first line
//
//	# yaml-language-server: $schema=/etc/matterfs/policy.schema.json
func Schema() string { return schema }
