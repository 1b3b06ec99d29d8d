package local

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/bucketocr/bucketocr/internal/document"
)

// stamp is how a file's state is told from another: modification time in Unix ns, size in bytes.
type stamp struct{ mtime, size int64 }

func stampOf(info fs.FileInfo) stamp { return stamp{nanos(info.ModTime()), info.Size()} }

// object is the newest noticed state of a name: a file, or its end.
type object struct {
	stamp
	generation int64 // the last one; that of an end is the generation that ended
	noticed    int64 // Unix ns
	gone       bool
	delivered  bool
	handed     bool // this process's Scan has returned the event; not stored
}

// is tells whether the file of this stamp is the noticed state.
func (o object) is(s stamp) bool { return !o.gone && o.stamp == s }

// maxFromTime is the greatest generation that a file's time can bring about: the counting beyond it never ends.
const maxFromTime = math.MaxInt64 - 1<<40

// next is the state after o (zero: none) where the name's file has the given stamp. Generations are greater than 0.
func (o object) next(s stamp, now time.Time) object {
	return object{stamp: s, generation: max(min(s.mtime, maxFromTime), o.generation+1), noticed: nanos(now)}
}

// end is the state after o where the file has vanished.
func (o object) end(now time.Time) object {
	return object{stamp: o.stamp, generation: o.generation, noticed: nanos(now), gone: true}
}

// validName tells whether an object may have the name: a path in our bucket, of no dot segments, in UTF-8.
func validName(name string) bool {
	if !fs.ValidPath(name) || !utf8.ValidString(name) || !filepath.IsLocal(filepath.FromSlash(name)) {
		return false
	}
	return !strings.HasPrefix(name, ".") && !strings.Contains(name, "/.")
}

// stat looks at the file of a name. What is no regular file inside the directory is [fs.ErrNotExist].
func (w *World) stat(name string) (fs.FileInfo, error) { return statIn(w.root, w.folder, name) }

func statIn(root *os.Root, f folder, name string) (fs.FileInfo, error) {
	info, err := root.Lstat(name)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if !staysInside(root, f, name) {
			return nil, fs.ErrNotExist
		}
		info, err = root.Stat(name)
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	return info, nil
}

// staysInside tells whether a link ends where an object could be. Links into our own folder would do harm: to open and
// close a file of the database ends the locks that this process holds on it.
func staysInside(root *os.Root, f folder, link string) bool {
	if _, err := root.Stat(link); err != nil {
		return false // it leads nowhere, or out
	}
	top, err1 := filepath.EvalSymlinks(string(f))
	end, err2 := filepath.EvalSymlinks(filepath.Join(string(f), filepath.FromSlash(link)))
	inside, err3 := filepath.Rel(top, end)
	return errors.Join(err1, err2, err3) == nil && validName(filepath.ToSlash(inside))
}

// find is the noticed state of a name, zero where there is none.
func (w *World) find(name string) object {
	w.known.Lock()
	defer w.known.Unlock()
	return w.objects[name]
}

func (w *World) loadObjects(ctx context.Context) (map[string]object, error) {
	objects := map[string]object{}
	err := w.rows(ctx, func(rows *sql.Rows) error {
		var name string
		var o object
		err := rows.Scan(&name, &o.generation, &o.mtime, &o.size, &o.noticed, &o.gone, &o.delivered)
		objects[name] = o
		return err
	}, "SELECT name, generation, mtime, size, noticed, gone, delivered FROM objects")
	return objects, err
}

// saveObjects stores new states, all or none, and then takes them as known.
func (w *World) saveObjects(ctx context.Context, states map[string]object) error {
	if len(states) == 0 {
		return nil
	}
	tx, err := w.write.BeginTx(ctx, nil)
	if err != nil {
		return classify(ctx, err)
	}
	defer tx.Rollback()
	if err := putObjects(ctx, tx, states); err != nil {
		return classify(ctx, err)
	}
	if err := tx.Commit(); err != nil {
		return classify(ctx, err)
	}
	w.known.Lock()
	defer w.known.Unlock()
	for name, o := range states {
		w.objects[name] = o
	}
	return nil
}

func putObjects(ctx context.Context, tx *sql.Tx, states map[string]object) error {
	put, err := tx.PrepareContext(ctx, `INSERT OR REPLACE INTO objects
		(name, generation, mtime, size, noticed, gone, delivered) VALUES (?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer put.Close()
	for name, o := range states {
		if _, err := put.ExecContext(ctx, name, o.generation, o.mtime, o.size, o.noticed, o.gone, o.delivered); err != nil {
			return err
		}
	}
	return nil
}

// Delivered says that the event is taken over: its record stands, or it needs none. Until then the event comes again at
// the next start. It may be repeated; of an event that a newer one of the same name has followed it says nothing.
func (w *World) Delivered(ctx context.Context, ev document.Event) error {
	w.known.Lock()
	defer w.known.Unlock()
	o, ok := w.objects[ev.Name]
	if !ok || o.delivered || o.generation != ev.Generation || o.gone != (ev.Kind == document.KindDeleted) {
		return nil
	}
	_, err := w.write.ExecContext(ctx, "UPDATE objects SET delivered = 1 WHERE name = ?", ev.Name)
	if err != nil {
		return classify(ctx, err)
	}
	o.delivered = true
	w.objects[ev.Name] = o
	return nil
}

// Again says that the event could not be taken over: the next Scan returns it again, unless a newer one of the same name
// has taken its place.
func (w *World) Again(ev document.Event) {
	w.known.Lock()
	defer w.known.Unlock()
	if o, ok := w.objects[ev.Name]; ok && o.generation == ev.Generation {
		o.handed = false
		w.objects[ev.Name] = o
	}
}

// missing tells whether a file system error says that there is no such file, or can be none.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG)
}
