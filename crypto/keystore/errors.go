package keystore

import (
	"errors"
	"fmt"
)

var (
	// ErrNoKeystore is returned by Open and ReadStoreID when the directory holds no
	// keystore, or only the remains of an Init that was interrupted.
	ErrNoKeystore = errors.New("no keystore here")
	// ErrWrongIdentity is returned by Open when no envelope opens with the identity
	// given, or none was given that can be used.
	ErrWrongIdentity = errors.New("wrong identity")
	// ErrWrongPassphrase is returned by Open when the passphrase opens no envelope.
	ErrWrongPassphrase = errors.New("wrong passphrase")
	// ErrNoRecipients is returned by Init when nobody could open the keystore again.
	ErrNoRecipients = errors.New("no recipient, recovery recipient or passphrase given")
	// ErrMatterExists is returned by Create for a matter that has a key.
	ErrMatterExists = errors.New("matter already has a key")
	// ErrMatterDestroyed is returned by Create for a matter whose key was destroyed:
	// matter ids are never reused.
	ErrMatterDestroyed = errors.New("key of this matter was destroyed")
	// ErrMatterID is returned by Create for an empty matter id or one over 255 bytes.
	ErrMatterID = errors.New("matter id must have 1 to 255 bytes")
	// ErrNoKey is returned by Key for a key id that this keystore does not hold.
	ErrNoKey = errors.New("no such key")
	// ErrLocked is returned once Lock was called.
	ErrLocked = errors.New("keystore is locked")
	// ErrFull is returned when the memory kept for keys has no room for another.
	ErrFull = errors.New("no room for another key")
)

// ExistsError is returned by Init for a directory that already holds a keystore,
// or parts of one. Nothing was changed.
type ExistsError struct {
	Dir  string // the keys directory
	File string // what was found there, relative to Dir
}

// Error names the file that stands in the way.
func (e *ExistsError) Error() string {
	if e.File == headerName {
		return fmt.Sprintf("%q already holds a keystore", e.Dir)
	}
	return fmt.Sprintf("%q holds %s of a keystore whose %s is missing: restore that file from a replica of the directory, or choose another directory",
		e.Dir, e.File, headerName)
}

// DamagedError says that a file of the keystore is missing, unreadable or not what
// this keystore wrote. No key of a damaged keystore is ever handed out.
type DamagedError struct {
	Path string // path of the file
	What string // what is wrong with it
	Way  string // the way out
	Err  error  // the cause, if there is one
}

// Error gives the file, what is wrong and the way out.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("keystore is damaged: %s %s: %s", e.Path, e.What, e.Way)
}

// Unwrap returns the cause.
func (e *DamagedError) Unwrap() error { return e.Err }

// RolledBackError says that the manifest found is older than one seen before, or
// that it is another one of the same generation.
type RolledBackError struct {
	Path       string // path of the manifest
	Have, Seen Head   // what the disk holds, and what was seen before
}

// Error gives both generations.
func (e *RolledBackError) Error() string {
	if e.Have.Generation == e.Seen.Generation {
		return fmt.Sprintf("keystore was exchanged: %s is another manifest of generation %d than the one recorded", e.Path, e.Have.Generation)
	}
	return fmt.Sprintf("keystore is older than recorded: %s has generation %d, generation %d was seen: restore the newest replica of the directory",
		e.Path, e.Have.Generation, e.Seen.Generation)
}

// RecipientError names a recipient that Init cannot use.
type RecipientError struct {
	Envelope  string // "admins" or "recovery"
	Recipient string // as given; empty when it looks like a secret
	What      string
	Err       error
}

// Error quotes the recipient, which is public, unless it looks like a secret key.
func (e *RecipientError) Error() string {
	if e.Recipient == "" {
		return fmt.Sprintf("%s: %s", e.Envelope, e.What)
	}
	return fmt.Sprintf("%s: recipient %q: %s", e.Envelope, e.Recipient, e.What)
}

// Unwrap returns the cause.
func (e *RecipientError) Unwrap() error { return e.Err }

// PluginError says that an age plugin, which holds the identity (a YubiKey, a TPM),
// is missing or gave up. The identity may be the right one.
type PluginError struct {
	Name string // the plugin: the program is age-plugin-NAME
	Err  error
}

// Error names the plugin and gives its reason.
func (e *PluginError) Error() string {
	return fmt.Sprintf("identity could not be used: age plugin %q: %v", e.Name, e.Err)
}

// Unwrap returns the plugin's error.
func (e *PluginError) Unwrap() error { return e.Err }

// restoreFile is the way out that holds for every damaged file of a keystore.
const restoreFile = "restore it from a replica of the keys directory"
