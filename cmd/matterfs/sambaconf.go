package main

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// globalSection holds what concerns the whole server, and what holds for a share that does not say otherwise.
const globalSection = "global"

// smbConf is a smb.conf(5), or what testparm -s or -sv makes of one: section -> setting -> value, names in lower case.
type smbConf struct {
	sections map[string]map[string]string
	order    []string
}

// smbConfError is a line that cannot be read, or a file that says its settings elsewhere.
type smbConfError struct {
	file string
	line int
	what string
}

func (e *smbConfError) Error() string { return fmt.Sprintf("%s:%d: %s", e.file, e.line, e.what) }

// smbSynonyms are Samba's other names for the settings that the check looks at.
var smbSynonyms = map[string]string{
	"smb encrypt": "server smb encrypt", "directory": "path", "public": "guest ok", "vfs object": "vfs objects",
	"create mode": "create mask", "directory mode": "directory mask",
}

// smbElsewhere are settings after which this file alone does not say what holds.
var smbElsewhere = []string{"include", "copy", "config file", "config backend"}

// parseSMBConf reads a configuration. Names and section names are compared without regard to case and spaces at their
// ends; a line that ends in a backslash goes on in the next.
func parseSMBConf(file string, r io.Reader) (*smbConf, error) {
	c := &smbConf{sections: map[string]map[string]string{}}
	section, number := "", 0
	for lines := bufio.NewScanner(r); ; {
		text, n, err := smbLine(lines)
		if n == 0 {
			return c, err
		}
		number += n
		switch {
		case text == "" || strings.ContainsRune("#;", rune(text[0])):
		case text[0] == '[' && strings.HasSuffix(text, "]"):
			section = c.open(text[1 : len(text)-1])
		default:
			if what := c.set(section, text); what != "" {
				return nil, &smbConfError{file, number, what}
			}
		}
	}
}

// smbLine reads one line with those that continue it, and tells how many they were; 0 is the end.
func smbLine(lines *bufio.Scanner) (text string, n int, err error) {
	for lines.Scan() {
		n++
		part := strings.TrimSpace(lines.Text())
		if !strings.HasSuffix(part, `\`) {
			return text + part, n, nil
		}
		text += strings.TrimSuffix(part, `\`)
	}
	return strings.TrimSpace(text), n, lines.Err()
}

// open begins or resumes a section and returns its name.
func (c *smbConf) open(name string) string {
	name = smbName(name)
	if c.sections[name] == nil {
		c.sections[name] = map[string]string{}
		c.order = append(c.order, name)
	}
	return name
}

// set keeps one setting; the last one of a name wins. It returns what is wrong with the line, if anything.
func (c *smbConf) set(section, text string) string {
	name, value, ok := strings.Cut(text, "=")
	name, value = smbName(name), strings.Trim(strings.TrimSpace(value), `"`)
	switch {
	case !ok:
		return fmt.Sprintf("neither a section nor a setting: %q", text)
	case slices.Contains(smbElsewhere, name) && value != "" && value != "file": // testparm lists them too
		return fmt.Sprintf("%q needs Samba's testparm to follow it; install it, or check the output of testparm -sv", name)
	case section == "":
		section = c.open(globalSection)
	}
	if other, ok := smbSynonyms[name]; ok {
		name = other
	}
	c.sections[section][name] = value
	return ""
}

// smbName is a name as it is compared: lower case, single spaces.
func smbName(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// has reports whether there is a share of this name.
func (c *smbConf) has(share string) bool {
	return smbName(share) != globalSection && c.sections[smbName(share)] != nil
}

// value is what holds for a share. A setting of the whole server has no effect in a share.
func (c *smbConf) value(share, setting string, serverWide bool) (value string, set bool) {
	if !serverWide {
		if v, ok := c.sections[smbName(share)][setting]; ok {
			return v, true
		}
	}
	v, ok := c.sections[globalSection][setting]
	return v, ok
}

// sharing names the shares through which one of the mounts can be reached, or that lie inside one.
func (c *smbConf) sharing(targets []string) []string {
	var shares []string
	for _, name := range c.order {
		path := c.sections[name]["path"]
		if name == globalSection || path == "" {
			continue
		}
		fixed, _, _ := strings.Cut(path, "%") // what follows differs by user
		if slices.ContainsFunc(targets, func(t string) bool { return nested(filepath.Clean(fixed), t) }) {
			shares = append(shares, name)
		}
	}
	return shares
}

// nested reports whether one path is the other or lies below it.
func nested(a, b string) bool {
	below := func(x, y string) bool { return strings.HasPrefix(x+"/", strings.TrimSuffix(y, "/")+"/") }
	return below(a, b) || below(b, a)
}
