package audit

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// fields walks over the members of one compact JSON object, the only shape a line has: no white space, keys without escapes,
// values that are strings, numbers, literals, or (in events to come) nested values. It is stricter than JSON and several times
// faster than encoding/json, which decides how fast a log can be verified.
type fields struct {
	b   []byte
	i   int
	bad string // why next stopped; empty at the end of a good object
}

func scan(line []byte) fields {
	f := fields{b: line}
	switch {
	case len(line) < 2 || line[0] != '{' || line[len(line)-1] != '}':
		f.bad = "is not a JSON object"
	case !utf8.Valid(line):
		f.bad = "is not UTF-8"
	}
	return f
}

// next returns the key without quotes and the value as it stands, or false at the end or at an error.
func (f *fields) next() (key, val []byte, ok bool) {
	if f.bad != "" || f.done() {
		return nil, nil, false
	}
	if f.i == 0 {
		f.i = 1
	} else if f.b[f.i] != ',' {
		return f.fail("is not JSON: a comma is missing")
	} else {
		f.i++
	}
	key, ok = f.key()
	if !ok {
		return f.fail("is not JSON: a key is malformed")
	}
	start := f.i
	if !f.value() || f.i >= len(f.b) {
		return f.fail("is not JSON: a value is malformed")
	}
	return key, f.b[start:f.i], true
}

func (f *fields) done() bool {
	return f.i == len(f.b)-1 || f.i == 0 && len(f.b) == 2
}

func (f *fields) fail(why string) ([]byte, []byte, bool) {
	f.bad = why
	return nil, nil, false
}

// key reads `"name":`.
func (f *fields) key() ([]byte, bool) {
	if f.i >= len(f.b) || f.b[f.i] != '"' {
		return nil, false
	}
	start := f.i + 1
	end := start + plain(f.b[start:])
	f.i = end + 2
	if f.i > len(f.b) || f.b[end] != '"' || f.b[end+1] != ':' {
		return nil, false
	}
	return f.b[start:end], true
}

func (f *fields) value() bool {
	if f.i >= len(f.b) {
		return false
	}
	switch f.b[f.i] {
	case '"':
		return f.str()
	case '{', '[':
		return f.nested()
	case 't':
		return f.word("true")
	case 'f':
		return f.word("false")
	case 'n':
		return f.word("null")
	}
	return f.number()
}

func (f *fields) word(w string) bool {
	if len(f.b)-f.i < len(w) || string(f.b[f.i:f.i+len(w)]) != w {
		return false
	}
	f.i += len(w)
	return true
}

func (f *fields) str() bool {
	for f.i++; f.i < len(f.b); f.i++ {
		f.i += plain(f.b[f.i:])
		if f.i == len(f.b) || f.b[f.i] < 0x20 {
			return false
		}
		if f.b[f.i] == '"' {
			f.i++
			return true
		}
		if !f.escape() {
			return false
		}
	}
	return false
}

// plain counts the bytes before a quote, a backslash or a control character, eight at a time: bytes of x with their high bit set in
// what is subtracted are 0, or below a space.
func plain(b []byte) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		quote, slash := x^'"'*ones, x^'\\'*ones
		if stop := ((quote-ones)&^quote | (slash-ones)&^slash | (x-' '*ones)&^x) & high; stop != 0 {
			return i + bits.TrailingZeros64(stop)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c == '"' || c == '\\' || c < 0x20 {
			break
		}
	}
	return i
}

// escape stands on a backslash and moves to the last byte of the escape.
func (f *fields) escape() bool {
	f.i++
	if f.i >= len(f.b) {
		return false
	}
	switch f.b[f.i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		_, ok := hex4(f.b[f.i+1:])
		f.i += 4
		return ok
	}
	return false
}

func (f *fields) number() bool {
	if f.b[f.i] == '-' {
		f.i++
	}
	switch {
	case f.peek() == '0':
		f.i++
	case f.digits() == 0:
		return false
	}
	if f.peek() == '.' {
		f.i++
		if f.digits() == 0 {
			return false
		}
	}
	if c := f.peek(); c == 'e' || c == 'E' {
		f.i++
		if c := f.peek(); c == '+' || c == '-' {
			f.i++
		}
		return f.digits() != 0
	}
	return true
}

// peek gives the current byte, 0 past the end.
func (f *fields) peek() byte {
	if f.i < len(f.b) {
		return f.b[f.i]
	}
	return 0
}

func (f *fields) digits() int {
	start := f.i
	for f.i < len(f.b) && f.b[f.i]-'0' <= 9 {
		f.i++
	}
	return f.i - start
}

// nested finds the end of an array or object by its brackets and lets encoding/json judge the inside.
func (f *fields) nested() bool {
	start, depth := f.i, 0
	for f.i < len(f.b) {
		switch f.b[f.i] {
		case '"':
			if !f.str() {
				return false
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		f.i++
		if depth == 0 {
			return json.Valid(f.b[start:f.i])
		}
	}
	return false
}

// unquote decodes a string value that fields has passed. A surrogate without its other half becomes U+FFFD, as in encoding/json.
func unquote(val []byte) (string, bool) {
	if len(val) < 2 || val[0] != '"' {
		return "", false
	}
	val = val[1 : len(val)-1]
	if bytes.IndexByte(val, '\\') < 0 {
		return string(val), true
	}
	out := make([]byte, 0, len(val))
	for i := 0; i < len(val); i++ {
		if val[i] != '\\' {
			out = append(out, val[i])
			continue
		}
		i++
		if val[i] != 'u' {
			out = append(out, unescape(val[i]))
			continue
		}
		r, _ := hex4(val[i+1:])
		i += 4
		if utf16.IsSurrogate(r) {
			var used int
			r, used = lowHalf(r, val[i+1:])
			i += used
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out), true
}

// lowHalf joins a surrogate with the escape that follows it and says how many bytes that escape has.
func lowHalf(high rune, rest []byte) (rune, int) {
	if len(rest) < 6 || rest[0] != '\\' || rest[1] != 'u' {
		return utf8.RuneError, 0
	}
	low, _ := hex4(rest[2:])
	if r := utf16.DecodeRune(high, low); r != utf8.RuneError {
		return r, 6
	}
	return utf8.RuneError, 0
}

func unescape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// hex4 reads the four digits of \uXXXX.
func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
