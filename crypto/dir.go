package crypto

import "encoding/binary"

// DirSize is the size of every .mfs.dir in bytes: a prefix and one package.
const DirSize = PrefixSize + dirPackage

// DirLabel is the index in the label of directory metadata.
const DirLabel = SlotLabel - 1

const (
	dirPackage  = 2048
	dirPayload  = dirPackage - PackageOverhead
	dirVersion  = 1   // second word of the label
	dirFixed    = 96  // label and fixed fields, before the strings
	maxDirField = 255 // bytes of name, level and matter each
)

// DirMeta is the sealed metadata of a directory. Name, Level and Matter are at
// most 255 bytes each; their lengths do not show on the disk.
type DirMeta struct {
	Object     ID     // for life; names in the directory are bound to it
	Parent     ID     // object id of the parent; zero at a matter's root
	Name       string // its own name, plain
	Level      string // confidentiality level set on this folder, or ""
	Matter     string // matter id, at a matter's root only
	KeyID      ID     // stands in the prefix in clear
	KeyVersion uint32 // stands in the prefix in clear
	UID, GID   uint32 // creator
	Mode       uint32 // permission bits
	Birth      int64  // unix time in ns
	Flags      uint32 // reserved for the store
}

// SealDir returns the DirSize bytes of a new .mfs.dir with its own content id
// and salt. To change an existing one use [ResealDir], else the directory's
// extended attributes are lost. The error is a *[FormatError] when d cannot be
// stored.
func SealDir(content *Key, d *DirMeta) ([]byte, error) {
	p, keys, err := NewFile(content, d.KeyID, d.KeyVersion)
	if err != nil {
		return nil, err
	}
	return sealDir(&p, keys, d)
}

// ResealDir returns the bytes of a .mfs.dir that holds d under the prefix, and
// so the keys, of the existing one b. The errors are those of [ParsePrefix] and
// [Prefix.Keys], and a *[FormatError] when d cannot be stored or names another
// key than b.
func ResealDir(content *Key, b []byte, d *DirMeta) ([]byte, error) {
	p, err := ParsePrefix(b)
	if err != nil {
		return nil, err
	}
	keys, err := p.Keys(content)
	if err != nil {
		return nil, err
	}
	return sealDir(&p, keys, d)
}

// OpenDir opens a .mfs.dir and leaves b as it is. The keys are for the
// directory's extended attributes. The errors are those of [ParsePrefix],
// [Prefix.Keys] and [Sealer.Open], a *[LabelError] when the package is no
// directory's, a *[FormatError] when authentic metadata break a rule.
func OpenDir(content *Key, b []byte) (*DirMeta, *FileKeys, error) {
	if len(b) != DirSize {
		return nil, nil, badf("directory", "%d bytes, want %d", len(b), DirSize)
	}
	p, err := ParsePrefix(b)
	if err != nil {
		return nil, nil, err
	}
	keys, err := p.Keys(content)
	if err != nil {
		return nil, nil, err
	}
	payload, err := keys.Meta.Open(make([]byte, 0, dirPayload), b[PrefixSize:])
	if err != nil {
		return nil, nil, err
	}
	d, err := decodeDir(&p, payload)
	if err != nil {
		return nil, nil, err
	}
	return d, keys, nil
}

func sealDir(p *Prefix, keys *FileKeys, d *DirMeta) ([]byte, error) {
	if err := d.check(p); err != nil {
		return nil, err
	}
	out, pkg := startPackage(p.AppendTo(make([]byte, 0, DirSize)), dirPayload)
	b := pkg[pkgHeader : pkgHeader+dirPayload]
	putLabel(b, DirLabel, dirVersion)
	copy(b[16:], d.Object[:])
	copy(b[32:], d.Parent[:])
	binary.LittleEndian.PutUint32(b[48:], d.UID)
	binary.LittleEndian.PutUint32(b[52:], d.GID)
	binary.LittleEndian.PutUint32(b[56:], d.Mode)
	binary.LittleEndian.PutUint32(b[60:], d.Flags)
	binary.LittleEndian.PutUint64(b[64:], uint64(d.Birth))
	at := dirFixed
	for i, s := range []string{d.Name, d.Level, d.Matter} {
		binary.LittleEndian.PutUint16(b[72+2*i:], uint16(len(s)))
		at += copy(b[at:], s)
	}
	keys.Meta.sealInPlace(pkg)
	return out, nil
}

func decodeDir(p *Prefix, b []byte) (*DirMeta, error) {
	if got := binary.LittleEndian.Uint64(b); got != DirLabel {
		return nil, &LabelError{Want: DirLabel, Got: got}
	}
	if v := binary.LittleEndian.Uint64(b[8:]); v != dirVersion {
		return nil, badf("directory", "layout %d, want %d", v, dirVersion)
	}
	u32 := func(off int) uint32 { return binary.LittleEndian.Uint32(b[off:]) }
	d := &DirMeta{
		Object: ID(b[16:32]), Parent: ID(b[32:48]), KeyID: p.KeyID, KeyVersion: p.KeyVersion,
		UID: u32(48), GID: u32(52), Mode: u32(56), Flags: u32(60),
		Birth: int64(binary.LittleEndian.Uint64(b[64:])),
	}
	at := dirFixed
	for i, s := range []*string{&d.Name, &d.Level, &d.Matter} {
		n := int(binary.LittleEndian.Uint16(b[72+2*i:]))
		if n > maxDirField {
			return nil, badf("directory", "field %d of %d bytes, at most %d", i, n, maxDirField)
		}
		*s = string(b[at : at+n])
		at += n
	}
	if !allZero(b[78:dirFixed]) || !allZero(b[at:]) {
		return nil, badf("directory", "reserved bytes are not zero")
	}
	if err := d.check(p); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *DirMeta) check(p *Prefix) error {
	if err := new(NameCipher).check(d.Name); err != nil {
		return err
	}
	switch {
	case len(d.Level) > maxDirField || len(d.Matter) > maxDirField:
		return badf("directory", "level or matter longer than %d bytes", maxDirField)
	case d.KeyID != p.KeyID || d.KeyVersion != p.KeyVersion:
		return badf("directory", "key id or version differ from the prefix")
	}
	return nil
}
