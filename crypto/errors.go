package crypto

import (
	"errors"
	"fmt"
)

// ErrAuth says that sealed bytes are not what was sealed with this key for
// this place: damage, a wrong key or an attack. Nothing of them is returned.
var ErrAuth = errors.New("crypto: authentication failed")

// ErrWrongKey says that a prefix commits to another content key, key id or
// prefix than the one at hand. The sealed data may be whole.
var ErrWrongKey = errors.New("crypto: wrong key")

// FormatError says that bytes, or a value to be turned into bytes, break a
// rule of FORMAT.md that needs no key or holds beyond authentication.
type FormatError struct {
	Part string // what was read or written: "package", "prefix", "slot", "name" ...
	What string // the broken rule
}

// Error names the part and the rule.
func (e *FormatError) Error() string { return "crypto: bad " + e.Part + ": " + e.What }

// LabelError says that an authentic package stands where another one belongs:
// someone moved it. It matches [ErrAuth].
type LabelError struct {
	Want, Got uint64 // index of the place and index sealed in the package
}

// Error names both indexes.
func (e *LabelError) Error() string {
	return fmt.Sprintf("crypto: package of index %d found at index %d", e.Got, e.Want)
}

// Is makes errors.Is(err, ErrAuth) true.
func (e *LabelError) Is(target error) bool { return target == ErrAuth }

func badf(part, format string, args ...any) error {
	return &FormatError{Part: part, What: fmt.Sprintf(format, args...)}
}
