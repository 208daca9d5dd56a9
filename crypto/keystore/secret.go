package keystore

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
	"filippo.io/age/plugin"
)

// UI lets an age plugin talk to the person who unlocks: a PIN, "touch the key". Both
// functions may be nil; a plugin that needs them then fails.
type UI struct {
	Ask  func(prompt string, secret bool) (string, error)
	Tell func(message string)
}

// Unlock is what opens a keystore: one of Identity and Passphrase, or both, which
// are then tried in this order. Open does not keep them; the caller wipes them.
type Unlock struct {
	Identity   []byte `json:"-"` // contents of an age identity file, plugin identities included
	Passphrase []byte `json:"-"` // a line end at its end does not count

	// Salvage opens although an envelope is missing, damaged or exchanged, as long as
	// one still opens; Envelopes then says which. It is for recovery, not for mounts.
	Salvage bool
	UI      UI `json:"-"`
}

// Format prints nothing secret.
func (Unlock) Format(s fmt.State, _ rune) { fmt.Fprint(s, "keystore.Unlock") }

// InitOptions says who will be able to open a new keystore. At least one of the
// first three must be given.
type InitOptions struct {
	Recipients []string // age recipients of the admins: age1..., age1pq1..., plugins'
	Recovery   []string // age recipients whose identities stay offline
	Passphrase []byte   `json:"-"` // break glass; a line end at its end does not count

	// WorkFactor is log2 of scrypt's N for the passphrase: 0 is age's default (18,
	// about a second), 20 the most.
	WorkFactor int
	UI         UI `json:"-"`
}

// Format prints nothing secret.
func (InitOptions) Format(s fmt.State, _ rune) { fmt.Fprint(s, "keystore.InitOptions") }

// GenerateIdentity makes a new age X25519 identity: the text of an identity file,
// which is secret, and its recipient.
func GenerateIdentity() (identityFile []byte, recipient string, err error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, "", err
	}
	recipient = id.Recipient().String()
	text := fmt.Sprintf("# age identity: whoever has this file can open the keystore\n# public key: %s\n%s\n", recipient, id)
	return []byte(text), recipient, nil
}

// recipients turns the options into age recipients, one slice for each envelope.
func (o InitOptions) recipients() (to [len(envelopeFiles)][]age.Recipient, err error) {
	if len(o.Recipients)+len(o.Recovery) == 0 && o.Passphrase == nil {
		return to, ErrNoRecipients
	}
	for i, texts := range [][]string{adminsEnvelope: o.Recipients, recoveryEnvelope: o.Recovery} {
		for _, text := range texts {
			r, err := parseRecipient(text, o.UI)
			if err != nil {
				return to, recipientError(i, text, err)
			}
			to[i] = append(to[i], r)
		}
	}
	if o.Passphrase != nil {
		r, err := o.scrypt()
		if err != nil {
			return to, &RecipientError{Envelope: envelopeName(passphraseEnvelope), What: err.Error(), Err: err}
		}
		to[passphraseEnvelope] = []age.Recipient{r}
	}
	return to, nil
}

func (o InitOptions) scrypt() (age.Recipient, error) {
	if o.WorkFactor < 0 || o.WorkFactor > maxWorkFactor {
		return nil, fmt.Errorf("work factor %d is not within 1 to %d", o.WorkFactor, maxWorkFactor)
	}
	r, err := age.NewScryptRecipient(string(trimLineEnd(o.Passphrase)))
	if err == nil && o.WorkFactor != 0 {
		r.SetWorkFactor(o.WorkFactor)
	}
	return r, err
}

var errSecret = errors.New("this is a secret identity: give its recipient (the public key), and keep the identity secret")

// parseRecipient accepts what the age command does, SSH keys and tag recipients
// apart (those need their plugin here).
func parseRecipient(text string, ui UI) (age.Recipient, error) {
	text = strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(strings.ToUpper(text), "AGE-"):
		return nil, errSecret
	case strings.HasPrefix(text, "age1pq1"):
		return age.ParseHybridRecipient(text)
	case strings.HasPrefix(text, "age1") && strings.Count(text, "1") > 1:
		return plugin.NewRecipient(text, ui.client())
	}
	return age.ParseX25519Recipient(text)
}

// recipientError quotes what was given, unless that is a secret.
func recipientError(i int, text string, err error) error {
	e := &RecipientError{Envelope: envelopeName(i), Recipient: text, What: "not an age recipient", Err: err}
	if errors.Is(err, errSecret) {
		e.Recipient, e.What = "", err.Error()
	}
	return e
}

// identities reads the identity file. Its errors name lines, never their text.
func (u Unlock) identities() ([]age.Identity, error) {
	if u.Identity == nil {
		return nil, nil
	}
	return parseIdentities(u.Identity, u.UI)
}

// parseIdentities is age.ParseIdentities with plugins, Windows line ends and a byte
// order mark allowed.
func parseIdentities(b []byte, ui UI) ([]age.Identity, error) {
	if bytes.HasPrefix(b, []byte("age-encryption.org/")) || bytes.HasPrefix(b, []byte("-----BEGIN AGE ")) {
		return nil, fmt.Errorf("%w: the identity file is itself encrypted: decrypt it first", ErrWrongIdentity)
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	var ids []age.Identity
	n := 0
	for line := range bytes.Lines(b) {
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		id, err := parseIdentity(string(line), ui)
		if err != nil {
			return nil, fmt.Errorf("%w: line %d of the identity file is not an age identity", ErrWrongIdentity, n)
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%w: the identity file holds no identity", ErrWrongIdentity)
	}
	return ids, nil
}

func parseIdentity(line string, ui UI) (age.Identity, error) {
	if strings.HasPrefix(line, "AGE-PLUGIN-") {
		id, err := plugin.NewIdentity(line, ui.client())
		return pluginIdentity{id}, err
	}
	ids, err := age.ParseIdentities(strings.NewReader(line))
	if err != nil || len(ids) != 1 {
		return nil, errors.New("not an identity")
	}
	return ids[0], nil
}

// passphrases returns the identity of the passphrase, if there is one.
func (u Unlock) passphrases() []age.Identity {
	if u.Passphrase == nil {
		return nil
	}
	id, err := age.NewScryptIdentity(string(trimLineEnd(u.Passphrase)))
	if err != nil {
		return []age.Identity{emptyPassphrase{}}
	}
	id.SetMaxWorkFactor(maxWorkFactor)
	return []age.Identity{id}
}

// emptyPassphrase fits nothing: Init takes no empty passphrase.
type emptyPassphrase struct{}

func (emptyPassphrase) Unwrap([]*age.Stanza) ([]byte, error) { return nil, age.ErrIncorrectIdentity }

// trimLineEnd takes one line end off, which editors and echo leave in a file and
// nobody can type at a prompt.
func trimLineEnd(b []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
}

// pluginIdentity marks errors of the plugin itself, which age would report like
// damage of the file.
type pluginIdentity struct{ *plugin.Identity }

func (p pluginIdentity) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	key, err := p.Identity.Unwrap(stanzas)
	if err != nil && !errors.Is(err, age.ErrIncorrectIdentity) {
		err = &PluginError{Name: p.Name(), Err: err}
	}
	return key, err
}

// client gives age's plugin client the callbacks that there are.
func (ui UI) client() *plugin.ClientUI {
	c := &plugin.ClientUI{}
	if ui.Ask != nil {
		c.RequestValue = func(name, prompt string, secret bool) (string, error) {
			return ui.Ask(fmt.Sprintf("age plugin %s: %s", name, prompt), secret)
		}
	}
	if ui.Tell != nil {
		c.DisplayMessage = func(name, message string) error {
			ui.Tell(fmt.Sprintf("age plugin %s: %s", name, message))
			return nil
		}
		c.WaitTimer = func(name string) { ui.Tell(fmt.Sprintf("waiting for age plugin %s", name)) }
	}
	return c
}
