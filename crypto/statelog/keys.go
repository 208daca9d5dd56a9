package statelog

import (
	"errors"
	"unicode/utf8"
)

// KeysHead is the kind of records that say how far the keystore has come, so that
// an older copy of it is noticed. Its payload is a [Keys].
const KeysHead = "keys.head"

// maxHead bounds the text of a keystore's head, in bytes.
const maxHead = 128

// Keys is the payload of a KeysHead record.
type Keys struct {
	Head string `json:"head"` // as the keystore writes it; opaque here, at most 128 bytes
}

// Keys is the head of the keystore that was recorded last, "" where there is none.
func (s *State) Keys() string {
	if s == nil {
		return ""
	}
	return s.keys
}

func keysHead(s *State, e *Entry) error {
	var k Keys
	if err := decode(e.Payload, &k); err != nil {
		return err
	}
	if k.Head == "" || len(k.Head) > maxHead || !utf8.ValidString(k.Head) {
		return errors.New("bad head of a keystore")
	}
	s.keys = k.Head
	return nil
}
