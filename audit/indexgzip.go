package audit

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
)

// memberWriter compresses lines as a gzip file of many members (RFC 1952 section 2.2), each a block of whole lines. Every gzip
// reader reads it as one; Query reads one member without those before it. It costs about a tenth in size.
type memberWriter struct {
	w   io.Writer
	z   *gzip.Writer
	buf []byte // lines that have no member yet
	any bool   // a member was written
}

func newMemberWriter(w io.Writer) *memberWriter { return &memberWriter{w: w, z: gzip.NewWriter(w)} }

// Write takes bytes; a member ends after the line that makes it long enough.
func (m *memberWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		line, rest := p, []byte(nil)
		if i := bytes.IndexByte(p, '\n'); i >= 0 {
			line, rest = p[:i+1], p[i+1:]
		}
		m.buf = append(m.buf, line...)
		if len(m.buf) >= blockBytes && line[len(line)-1] == '\n' {
			err = m.flush()
		}
		n, p = n+len(line), rest
	}
	return n, err
}

func (m *memberWriter) flush() error {
	m.z.Reset(m.w)
	_, err := m.z.Write(m.buf)
	m.buf, m.any = m.buf[:0], true
	return errors.Join(err, m.z.Close())
}

// Close ends the file; what it was written to stays open.
func (m *memberWriter) Close() error {
	if len(m.buf) == 0 && m.any {
		return nil
	}
	return m.flush()
}
