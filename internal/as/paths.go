package as

import "os"

// do runs a request whose only outcome is success or an error.
func (u *User) do(q *request) error {
	_, err := u.call(callLimit, q)
	return err
}

// ReadFile returns the whole content.
func (u *User) ReadFile(path string) ([]byte, error) {
	r, err := u.call(callLimit, &request{Op: "readfile", Path: path})
	if err != nil {
		return nil, err
	}
	return r.Data, nil
}

// WriteFile creates the file or replaces its content (open with O_TRUNC, write, close), mode 0644 less the umask.
func (u *User) WriteFile(path string, data []byte) error {
	return u.do(&request{Op: "writefile", Path: path, Data: data, Mode: 0o644})
}

// Append adds data at the end through one O_APPEND open.
func (u *User) Append(path string, data []byte) error {
	return u.do(&request{Op: "append", Path: path, Data: data, Mode: 0o644})
}

// Stat follows symbolic links.
func (u *User) Stat(path string) (Stat, error) { return u.stat("stat", path) }

// Lstat does not follow them.
func (u *User) Lstat(path string) (Stat, error) { return u.stat("lstat", path) }

func (u *User) stat(op, path string) (Stat, error) {
	r, err := u.call(callLimit, &request{Op: op, Path: path})
	if err != nil {
		return Stat{}, err
	}
	return r.Stat, nil
}

// ReadDir returns the names in a directory, sorted.
func (u *User) ReadDir(path string) ([]string, error) {
	return u.names(&request{Op: "readdir", Path: path})
}

func (u *User) names(q *request) ([]string, error) {
	r, err := u.call(callLimit, q)
	if err != nil {
		return nil, err
	}
	return r.Names, nil
}

func (u *User) text(q *request) (string, error) {
	r, err := u.call(callLimit, q)
	if err != nil {
		return "", err
	}
	return r.Text, nil
}

// Mkdir makes a directory of mode 0755 less the umask.
func (u *User) Mkdir(path string) error {
	return u.do(&request{Op: "mkdir", Path: path, Mode: 0o755})
}

// Remove unlinks a file or symbolic link.
func (u *User) Remove(path string) error { return u.do(&request{Op: "unlink", Path: path}) }

// Rmdir removes an empty directory.
func (u *User) Rmdir(path string) error { return u.do(&request{Op: "rmdir", Path: path}) }

// Rename renames, replacing the target as rename(2) does.
func (u *User) Rename(from, to string) error { return u.RenameFlags(from, to, 0) }

// RenameFlags is renameat2(2): RENAME_NOREPLACE and the like from x/sys/unix.
func (u *User) RenameFlags(from, to string, flags int) error {
	return u.do(&request{Op: "rename", Path: from, Path2: to, Flags: flags})
}

// Symlink makes path a symbolic link to target.
func (u *User) Symlink(target, path string) error {
	return u.do(&request{Op: "symlink", Path: path, Path2: target})
}

// Link makes path a second name of the file old.
func (u *User) Link(old, path string) error {
	return u.do(&request{Op: "link", Path: old, Path2: path})
}

// Readlink returns the target of a symbolic link.
func (u *User) Readlink(path string) (string, error) {
	return u.text(&request{Op: "readlink", Path: path})
}

// Truncate sets the size in bytes.
func (u *User) Truncate(path string, size int64) error {
	return u.do(&request{Op: "truncate", Path: path, Off: size})
}

// Chmod sets the permission bits.
func (u *User) Chmod(path string, mode uint32) error {
	return u.do(&request{Op: "chmod", Path: path, Mode: mode})
}

// Chown sets owner and group.
func (u *User) Chown(path string, uid, gid int) error {
	return u.do(&request{Op: "chown", Path: path, Flags: uid, Len: gid})
}

// Access is access(2) with a mask of R_OK 4, W_OK 2, X_OK 1, or 0 for existence.
func (u *User) Access(path string, mask uint32) error {
	return u.do(&request{Op: "access", Path: path, Mode: mask})
}

// Getxattr returns the value of an extended attribute, not following a symbolic link.
func (u *User) Getxattr(path, name string) ([]byte, error) {
	r, err := u.call(callLimit, &request{Op: "getxattr", Path: path, Name: name})
	if err != nil {
		return nil, err
	}
	return r.Data, nil
}

// Setxattr sets an extended attribute; flags are XATTR_CREATE, XATTR_REPLACE or 0.
func (u *User) Setxattr(path, name string, value []byte, flags int) error {
	return u.do(&request{Op: "setxattr", Path: path, Name: name, Data: value, Flags: flags})
}

// Removexattr removes an extended attribute.
func (u *User) Removexattr(path, name string) error {
	return u.do(&request{Op: "rmxattr", Path: path, Name: name})
}

// Listxattr returns the names of the extended attributes, in the order the kernel gives.
func (u *User) Listxattr(path string) ([]string, error) {
	return u.names(&request{Op: "listxattr", Path: path})
}

// Chdir changes the agent's working directory; relative paths of later calls start there.
func (u *User) Chdir(path string) error { return u.do(&request{Op: "chdir", Path: path}) }

// Getcwd is getcwd(2): ENOENT when the directory has been dropped from the tree of names.
func (u *User) Getcwd() (string, error) { return u.text(&request{Op: "getcwd"}) }

// Result is what a program left behind.
type Result struct {
	Stdout, Stderr string
	Code           int // exit status; -1 when a signal ended it
}

// Run runs a program as this user in dir, with exactly env as its environment besides PATH and LANG. A nonzero exit
// status is no error; a program that cannot be started is.
func (u *User) Run(argv []string, dir string, env ...string) (Result, error) {
	return u.RunWith(nil, argv, dir, env...)
}

// RunWith is Run for a program that gets open files of this user as its descriptors 3, 4 and so on. With dir "" it
// starts where the agent is.
func (u *User) RunWith(files []*File, argv []string, dir string, env ...string) (Result, error) {
	full := append([]string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8"}, env...)
	q := &request{Op: "run", Path: dir, Argv: argv, Env: full}
	for _, f := range files {
		q.Handles = append(q.Handles, f.h)
	}
	r, err := u.call(runLimit, q)
	if err != nil {
		return Result{}, err
	}
	return Result{Stdout: string(r.Data), Stderr: string(r.Data2), Code: int(r.N)}, nil
}
