package store

import (
	"encoding/binary"
	"errors"
	"strings"
	"syscall"

	"matterfs/crypto"
)

const (
	userPrefix   = "user."     // the one namespace that is supported
	sealedPrefix = "user.mfs." // of stored names; then what NameCipher makes
)

var errXattr = errors.New("not the attribute that its name says")

// GetXattr returns the value of the extended attribute name ("user.x").
// ENODATA when there is none, EOPNOTSUPP for other namespaces, a *[CorruptError]
// for a value that does not belong to this object and name.
func (o *Object) GetXattr(name string) ([]byte, error) {
	var v []byte
	err := o.xattr(name, func(n Node, stored string) error {
		b, err := n.GetXattr(stored)
		if err != nil {
			return err
		}
		got, value, err := openXattr(o.fileKeys().Xattr, b)
		if err == nil && got != name {
			err = errXattr
		}
		if err != nil {
			return o.corrupt(err, "extended attribute")
		}
		v = value
		return nil
	})
	return v, err
}

// SetXattr sets an extended attribute; flags are those of setxattr(2)
// (XATTR_CREATE 1, XATTR_REPLACE 2). The limits are the backing file system's:
// E2BIG, ENOSPC. ERANGE for a name above 255 bytes.
func (o *Object) SetXattr(name string, v []byte, flags int) error {
	return o.xattr(name, func(n Node, stored string) error {
		if len(v) > crypto.MaxPayload-2-len(name) {
			return syscall.E2BIG
		}
		defer o.noteMetaChange()
		return n.SetXattr(stored, sealXattr(o.fileKeys().Xattr, name, v), flags)
	})
}

// RemoveXattr removes an extended attribute; ENODATA when there is none.
func (o *Object) RemoveXattr(name string) error {
	return o.xattr(name, func(n Node, stored string) error {
		defer o.noteMetaChange()
		return n.RemoveXattr(stored)
	})
}

// ListXattr returns the names of the extended attributes. What is no attribute
// of ours is left out and told to the log.
func (o *Object) ListXattr() ([]string, error) {
	node, err := o.pin()
	if err != nil {
		return nil, err
	}
	defer o.unpin()
	list, err := node.ListXattr()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, stored := range list {
		sealed, ok := strings.CutPrefix(stored, sealedPrefix)
		if !ok {
			continue
		}
		name, err := o.xattrName(node, stored, sealed)
		if err != nil {
			o.s.log("foreign extended attribute", "object", o.id.String(), "err", err)
			continue
		}
		names = append(names, name)
	}
	return names, nil
}

// xattrName opens a stored name. That of a long one stands with its value.
func (o *Object) xattrName(node Node, stored, sealed string) (string, error) {
	if !isLong(sealed) {
		return o.fileKeys().XattrName.Open(o.id, sealed, nil)
	}
	b, err := node.GetXattr(stored)
	if err != nil {
		return "", err
	}
	name, _, err := openXattr(o.fileKeys().Xattr, b)
	return name, err
}

// xattr runs use with the stored form of name.
func (o *Object) xattr(name string, use func(n Node, stored string) error) error {
	if !strings.HasPrefix(name, userPrefix) || name == userPrefix {
		return syscall.EOPNOTSUPP
	}
	if len(name) > crypto.MaxName {
		return syscall.ERANGE
	}
	node, err := o.pin()
	if err != nil {
		return err
	}
	defer o.unpin()
	stored, _, err := o.fileKeys().XattrName.Seal(o.id, name)
	if err != nil {
		return syscall.EINVAL
	}
	return use(node, sealedPrefix+stored)
}

// fileKeys returns the keys of a pinned object.
func (o *Object) fileKeys() *crypto.FileKeys {
	if o.dir != nil {
		return o.dir.keys
	}
	return o.file.keys
}

// noteMetaChange makes the next sync of a file include its attributes.
func (o *Object) noteMetaChange() {
	if c := o.file; c != nil {
		c.mu.Lock()
		c.metaChanged = true
		c.mu.Unlock()
	}
}

// sealXattr seals LE16 length of the name, name and value: a value is not only
// the object's but the attribute's.
func sealXattr(s *crypto.Sealer, name string, v []byte) []byte {
	p := binary.LittleEndian.AppendUint16(nil, uint16(len(name)))
	p = append(append(p, name...), v...)
	return s.Seal(nil, p)
}

func openXattr(s *crypto.Sealer, b []byte) (name string, v []byte, err error) {
	p, err := s.Open(nil, b)
	if err != nil {
		return "", nil, err
	}
	if len(p) < 2 || int(binary.LittleEndian.Uint16(p)) > len(p)-2 {
		return "", nil, errXattr
	}
	n := 2 + int(binary.LittleEndian.Uint16(p))
	return string(p[2:n]), p[n:], nil
}
