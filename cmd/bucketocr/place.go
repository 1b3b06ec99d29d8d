package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/bucketocr/bucketocr/internal/app"
	"github.com/bucketocr/bucketocr/internal/config"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp/firestore"
	"github.com/bucketocr/bucketocr/internal/gcp/storage"
	"github.com/bucketocr/bucketocr/internal/local"
	"github.com/bucketocr/bucketocr/internal/local/folder"
)

// store is a record store as commands use it.
type store interface {
	document.Store
	document.Watcher
	document.Lister
}

// bucket is a bucket as commands use it.
type bucket interface {
	document.ObjectLister
	document.Objects
}

// place is the location of a command's documents and objects: Google Cloud as the environment selects it, or a folder.
type place struct {
	records store
	objects bucket
	// name of the folder's bucket; empty for Google Cloud, where there may be several
	bucket   string
	dir      string                          // the folder; empty for Google Cloud
	where    string                          // shown to the user
	endpoint func() (folder.Endpoint, error) // of a running bucketocr up process; nil for Google Cloud
	passes   document.Store                  // progress of reconciliations; nil for a folder
	close    func() error
}

// placeText describes places in the help of commands.
const placeText = `
The documents are in Firestore, selected by GOOGLE_CLOUD_PROJECT, FIRESTORE_DATABASE and
FIRESTORE_COLLECTION and accessed with your own credentials (gcloud auth application-default
login); FIRESTORE_EMULATOR_HOST and STORAGE_EMULATOR_HOST are honoured. With --local DIR they are
those of a folder that bucketocr up works on or has worked on; if FIRESTORE_EMULATOR_HOST is set,
they are in the emulator, where up stores them in that case.
`

// whereTitle heads the section of help about the location of documents and function.
const whereTitle = "Where"

// placeFlag declares --local.
func placeFlag(fs *pflag.FlagSet) *string {
	dir := fs.String("local", "", "the documents of the folder `DIR` instead of Firestore's")
	section(fs, whereTitle, "local")
	return dir
}

// openPlace returns the place for the folder dir, or for Firestore if dir is empty; the caller must close it. It makes
// no connections, except to check that an emulator is running. If the exit code is not 0, the command must end with it;
// the reason has been printed.
func openPlace(sys system, name, dir string) (*place, int) {
	cfg, err := config.LoadStores(sys.lookup)
	if err != nil {
		fmt.Fprintf(sys.stderr, "bucketocr %s: wrong settings:\n%v\n", name, err)
		return nil, exitUsage
	}
	var p *place
	if dir != "" {
		p, err = localPlace(dir)
		if err == nil && cfg.FirestoreEmulatorHost != "" {
			err = p.follow(cfg)
		}
	} else if err = emulatorAnswers(cfg); err == nil {
		p = cloudPlace(cfg)
	}
	if err != nil {
		return nil, complain(sys, name, err)
	}
	return p, exitGood
}

func cloudPlace(cfg config.Config) *place {
	records, turns := firestoreRecords(cfg), firestoreCollection(cfg, app.Turns(cfg.FirestoreCollection))
	return &place{
		records: records, passes: turns, close: func() error { return errors.Join(records.Close(), turns.Close()) },
		objects: storage.New(storage.Config{Emulator: cfg.StorageEmulatorHost}),
		where:   whereRecords(cfg),
	}
}

func localPlace(dir string) (*place, error) {
	records, objects, err := local.OpenBeside(dir)
	if err != nil {
		return nil, err
	}
	return &place{
		records: records, objects: objects, bucket: objects.Name(), dir: dir, close: records.Close,
		where:    "folder " + plain(dir),
		endpoint: func() (folder.Endpoint, error) { return local.Endpoint(dir) },
	}, nil
}

// follow switches p to the documents in Firestore's emulator, where bucketocr up stores them in the same environment.
func (p *place) follow(cfg config.Config) error {
	if err := emulatorAnswers(cfg); err != nil {
		return errors.Join(err, p.close())
	}
	local, cloud := p.close, firestoreRecords(cfg)
	p.records, p.where = ofBucket{cloud, p.bucket}, p.where+", documents in "+whereRecords(cfg)
	p.close = func() error { return errors.Join(cloud.Close(), local()) }
	return nil
}

// ofBucket restricts a store to the documents of one bucket.
type ofBucket struct {
	store
	bucket string
}

// List implements [document.Lister].
func (o ofBucket) List(ctx context.Context, q document.Query, fn func(*document.Stored) error) error {
	return o.store.List(ctx, q, func(s *document.Stored) error {
		if s.Bucket != o.bucket {
			return nil
		}
		return fn(s)
	})
}

// Tally implements [document.Lister]. It reads the documents, since the store cannot count by bucket.
func (o ofBucket) Tally(ctx context.Context) (document.Tally, error) {
	t := document.Tally{Records: map[document.Status]int64{}}
	err := o.List(ctx, document.Query{Names: &document.Names{}}, func(s *document.Stored) error {
		t.Records[s.Status]++
		t.Pages += int64(s.PagesDone)
		t.Usage = t.Usage.Add(s.Usage)
		return nil
	})
	return t, err
}

// Due implements [document.Store]. The store cannot select by bucket, so more is read if others' documents are due.
func (o ofBucket) Due(ctx context.Context, since, now time.Time, limit int) ([]*document.Stored, error) {
	for most := limit; ; most *= 2 {
		due, err := o.store.Due(ctx, since, now, most)
		if err != nil {
			return nil, err
		}
		all := len(due) < most
		due = slices.DeleteFunc(due, func(s *document.Stored) bool { return s.Bucket != o.bucket })
		if all || len(due) >= limit {
			return due[:min(len(due), limit)], nil
		}
	}
}

// Watch implements [document.Watcher].
func (o ofBucket) Watch(ctx context.Context, fn func(id string, r *document.Record) error) error {
	return o.store.Watch(ctx, func(id string, r *document.Record) error {
		if r.Bucket != o.bucket {
			return nil
		}
		return fn(id, r)
	})
}

// firestoreRecords returns the store that cfg selects. The emulator needs no real project.
func firestoreRecords(cfg config.Config) *firestore.Store {
	return firestoreCollection(cfg, cfg.FirestoreCollection)
}

func firestoreCollection(cfg config.Config, name string) *firestore.Store {
	return firestore.New(firestore.Config{
		Project: project(cfg), Database: cfg.FirestoreDatabase, Collection: name, Emulator: cfg.FirestoreEmulatorHost,
	})
}

func project(cfg config.Config) string {
	if cfg.Project == "" && cfg.FirestoreEmulatorHost != "" {
		return "demo-bucketocr"
	}
	return cfg.Project
}

func whereRecords(cfg config.Config) string {
	at := "Firestore"
	if cfg.FirestoreEmulatorHost != "" {
		at += " at " + cfg.FirestoreEmulatorHost
	}
	return fmt.Sprintf("%s, project %s, collection %s", at, project(cfg), cfg.FirestoreCollection)
}

// emulatorAnswers checks that the Firestore emulator is reachable: Google's clients would retry for a minute.
func emulatorAnswers(cfg config.Config) error {
	if cfg.FirestoreEmulatorHost == "" {
		return nil
	}
	conn, err := net.DialTimeout("tcp", cfg.FirestoreEmulatorHost, 5*time.Second)
	if err != nil {
		return fmt.Errorf("no Firestore emulator answers at %s (FIRESTORE_EMULATOR_HOST): %w",
			cfg.FirestoreEmulatorHost, rootCause(err))
	}
	return conn.Close()
}

// errNoName reports an argument that names no object.
var errNoName = errors.New(
	"name an object as gs://BUCKET/NAME or by its document's ID or, with --local, by its path in the folder")

// name returns an object's name as the user would write it for p, safe for a terminal.
func (p *place) name(r *document.Record) string {
	if p.bucket != "" && r.Bucket == p.bucket {
		return plain(r.Name)
	}
	return gsURL(r)
}

// ownURL returns the prefix of the addresses of a folder's objects, which is not shown; empty for Google Cloud.
func (p *place) ownURL() string {
	if p.bucket == "" {
		return ""
	}
	return "gs://" + p.bucket + "/"
}

// ids returns the document IDs for the objects named by args.
func (p *place) ids(ctx context.Context, args []string) ([]string, error) {
	var all []string
	for _, arg := range args {
		id, err := p.id(ctx, arg)
		if err != nil {
			return nil, err
		}
		all = append(all, id)
	}
	return all, nil
}

// id returns the ID of the document that arg names: gs://BUCKET/NAME, an ID, a name in the folder, or a path that leads
// into it.
func (p *place) id(ctx context.Context, arg string) (string, error) {
	if bucket, name, ok := gsName(arg); ok {
		if name == "" {
			return "", errNoName
		}
		return document.Object{Bucket: bucket, Name: name}.ID(), nil
	}
	if isID(arg) {
		return arg, nil
	}
	if p.bucket == "" || arg == "" {
		return "", errNoName
	}
	var ids []string
	for _, name := range p.namesOf(arg) {
		ids = append(ids, document.Object{Bucket: p.bucket, Name: name}.ID())
	}
	if len(ids) == 1 {
		return ids[0], nil
	}
	heads, err := p.records.Heads(ctx, ids)
	if err != nil {
		return "", err
	}
	for i, head := range heads {
		if head != nil {
			return ids[i], nil
		}
	}
	return ids[0], nil
}

// namesOf returns the object names that an argument may stand for: a name in the folder, or the last part of a path
// that leads into it.
func (p *place) namesOf(arg string) []string {
	var names []string
	if !filepath.IsAbs(arg) {
		names = append(names, filepath.ToSlash(filepath.Clean(arg)))
	}
	dir, dirErr := filepath.Abs(p.dir)
	path, pathErr := filepath.Abs(arg)
	if dirErr == nil && pathErr == nil {
		if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) && rel != "." {
			names = append(names, filepath.ToSlash(rel))
		}
	}
	if len(names) == 0 { // a path that leads elsewhere
		names = []string{filepath.ToSlash(filepath.Clean(arg))}
	}
	return names
}

// gsName splits gs://BUCKET/NAME; the name may be empty.
func gsName(arg string) (bucket, name string, ok bool) {
	rest, ok := strings.CutPrefix(arg, "gs://")
	bucket, name, _ = strings.Cut(rest, "/")
	return bucket, name, ok && bucket != ""
}

func isID(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}
