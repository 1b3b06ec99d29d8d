package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// What is wrong with a name for [World.Put].
var (
	ErrExists  = errors.New("a file of this name is there already")
	ErrBadName = errors.New("no name for a file in this folder")
)

// incoming begins the names, in our own folder, of files that are being put.
const incoming = ours + "/incoming-"

// Put writes a file into the directory, and makes the folders that its name asks for. The file appears whole or not at
// all; one of that name is [ErrExists] and stays as it is, unless replace is set. A name that leads out, through a link or
// to where no object can be is [ErrBadName]. Errors of content come back wrapped, others are the file system's.
func (w *World) Put(ctx context.Context, name string, content io.Reader, replace bool) error {
	if err := w.mayPut(name, replace); err != nil {
		return err
	}
	temp := incoming + rand.Text()
	defer w.root.Remove(temp)
	if err := w.receive(ctx, temp, content); err != nil {
		return fmt.Errorf("file %q: %w", name, err)
	}
	if dir := path.Dir(name); dir != "." {
		if err := w.root.MkdirAll(dir, 0o777); err != nil {
			return fmt.Errorf("file %q: %w", name, err)
		}
	}
	if replace {
		return w.root.Rename(temp, name)
	}
	err := w.root.Link(temp, name)
	if errors.Is(err, fs.ErrExist) {
		return ErrExists
	}
	if err != nil && !missing(err) { // a file system without links
		return w.moveTo(temp, name)
	}
	return err
}

// mayPut says what is wrong with a name.
func (w *World) mayPut(name string, replace bool) error {
	if !validName(name) {
		return ErrBadName
	}
	for i := range name {
		if name[i] != '/' {
			continue
		}
		info, err := w.root.Lstat(name[:i])
		if err == nil && !info.IsDir() { // links to folders are not followed by a scan either
			return ErrBadName
		}
	}
	info, err := w.root.Lstat(name)
	switch {
	case err == nil && info.IsDir():
		return ErrBadName
	case err == nil && !replace:
		return ErrExists
	}
	return nil
}

// receive writes what comes to a file of our own folder.
func (w *World) receive(ctx context.Context, temp string, content io.Reader) error {
	file, err := w.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	if err == nil {
		err = ctx.Err()
	}
	return errors.Join(err, file.Close())
}

// moveTo takes the name first, so that it is nobody else's, and then puts the file there.
func (w *World) moveTo(temp, name string) error {
	claim, err := w.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return ErrExists
	}
	if err != nil {
		return err
	}
	if err := errors.Join(claim.Close(), w.root.Rename(temp, name)); err != nil {
		return errors.Join(err, w.root.Remove(name))
	}
	return nil
}

// sweepIncoming removes what a killed process was putting.
func (w *World) sweepIncoming() error {
	entries, err := w.readDir(ours)
	for _, e := range entries {
		if name := ours + "/" + e.Name(); strings.HasPrefix(name, incoming) {
			err = errors.Join(err, w.root.Remove(name))
		}
	}
	return err
}
