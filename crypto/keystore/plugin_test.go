package keystore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"
	"filippo.io/age/plugin"
)

const pluginName = "mfstest"

// TestMain lets the test binary stand for the age plugin and for the processes of
// the tests that change a whole process.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "age-plugin-"+pluginName {
		os.Exit(runPlugin())
	}
	if os.Getenv(childVariable) != "" {
		os.Exit(runChild())
	}
	os.Exit(m.Run())
}

// runPlugin is a plugin whose recipients and identities wrap age's own.
func runPlugin() int {
	p, err := plugin.New(pluginName)
	if err != nil {
		panic(err)
	}
	p.HandleRecipient(func(data []byte) (age.Recipient, error) { return age.ParseX25519Recipient(string(data)) })
	p.HandleIdentity(func(data []byte) (age.Identity, error) {
		if err := p.DisplayMessage("touch the key"); err != nil {
			return nil, err
		}
		id, err := age.ParseX25519Identity(string(data))
		if pin, askErr := p.RequestValue("PIN", true); askErr != nil || pin != "1234" {
			return nil, errors.Join(errors.New("wrong PIN"), askErr)
		}
		return id, err
	})
	return p.Main()
}

func TestPlugin(t *testing.T) {
	bin := t.TempDir()
	self, err := os.Executable()
	must(t, err)
	must(t, os.Symlink(self, filepath.Join(bin, "age-plugin-"+pluginName)))
	t.Setenv("PATH", bin)

	f := people(t)
	id, err := age.GenerateX25519Identity()
	must(t, err)
	recipient := plugin.EncodeRecipient(pluginName, []byte(id.Recipient().String()))
	identity := []byte(plugin.EncodeIdentity(pluginName, []byte(id.String())) + "\n")
	k, err := Init(f.dir, InitOptions{Recipients: []string{recipient}})
	must(t, err)
	k.Lock()

	var told []string
	ui := UI{
		Ask:  func(string, bool) (string, error) { return "1234", nil },
		Tell: func(m string) { told = append(told, m) },
	}
	k, err = Open(f.dir, Unlock{Identity: identity, UI: ui})
	must(t, err)
	k.Lock()
	if fmt.Sprint(told) != "[age plugin mfstest: touch the key]" {
		t.Errorf("told %q", told)
	}

	var failed *PluginError
	ui.Ask = func(string, bool) (string, error) { return "0000", nil }
	if _, err = Open(f.dir, Unlock{Identity: identity, UI: ui}); !errors.As(err, &failed) || failed.Name != pluginName {
		t.Errorf("wrong PIN: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err = Open(f.dir, Unlock{Identity: identity, UI: ui}); !errors.As(err, &failed) {
		t.Errorf("without the plugin: %v", err)
	}
	var refused *RecipientError
	if _, err := Init(f.dir+"2", InitOptions{Recipients: []string{recipient}}); !errors.As(err, &refused) {
		t.Errorf("Init without the plugin: %v", err)
	}
}

// hybrid is a post-quantum recipient, which age mixes with no other kind.
func hybrid(t testing.TB) string {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	must(t, err)
	return id.Recipient().String()
}

func TestPostQuantumAdmins(t *testing.T) {
	f := people(t)
	id, err := age.GenerateHybridIdentity()
	must(t, err)
	k, err := Init(f.dir, InitOptions{Recipients: []string{id.Recipient().String(), hybrid(t)}, Recovery: []string{f.recoveryKey}})
	must(t, err)
	k.Lock()
	k, err = Open(f.dir, Unlock{Identity: []byte(id.String())})
	must(t, err)
	defer k.Lock()
	if got := fmt.Sprint(k.Envelopes()[0].Kinds); got != "[mlkem768x25519 mlkem768x25519]" {
		t.Errorf("kinds: %s", got)
	}
}
