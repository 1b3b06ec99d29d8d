package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// hostile creates a bucket's directory as if it came from elsewhere: with a data directory, which make fills, and next
// to it a file of the user. It returns the directory and checks at the end that the file was neither changed nor
// removed.
func hostile(t *testing.T, make func(data, victim string) error) Dir {
	t.Helper()
	home := t.TempDir()
	dir, victim := filepath.Join(home, "scans"), filepath.Join(home, "victim")
	writeFile(t, victim, "precious", long)
	t.Cleanup(func() {
		info, err := os.Stat(victim)
		if content, _ := os.ReadFile(victim); err != nil || string(content) != "precious" ||
			!info.ModTime().Equal(long) {
			t.Errorf("the user's file is now %q, %v", content, err)
		}
	})
	data := filepath.Join(dir, dataName)
	err := os.MkdirAll(data, 0o700)
	if err == nil {
		err = make(data, victim)
	}
	if err != nil {
		t.Skip(err)
	}
	return Dir(dir)
}

// TestForeignEntriesAreRefused: entries with the name of a bucketocr file that this user's bucketocr cannot have
// written.
func TestForeignEntriesAreRefused(t *testing.T) {
	t.Parallel()
	for _, name := range append(dataFiles[:], textsName) {
		for kind, c := range map[string]struct {
			make func(path, victim string) error
			want string
		}{
			"link": {func(path, victim string) error { return os.Symlink(victim, path) },
				"is a symbolic link"},
			"link inside": {func(path, _ string) error { return os.Symlink("other", path) }, "is a symbolic link"},
			"dangling link": {func(path, victim string) error { return os.Symlink(victim+"s", path) },
				"is a symbolic link"},
			"pipe": {func(path, _ string) error { return makePipe(path) }, "is a named pipe"},
			"wrong kind": {func(path, _ string) error {
				if name == textsName {
					return os.WriteFile(path, nil, 0o600)
				}
				return os.Mkdir(path, 0o700)
			}, "instead of a"},
			"second name": {func(path, victim string) error {
				if name == textsName {
					return errors.New("directories have one name")
				}
				return os.Link(victim, path)
			}, "has a second name"},
			"foreign mode": {func(path, _ string) error {
				err := os.Chmod(filepath.Dir(path), 0o755)
				if name == textsName {
					return errors.Join(err, os.Mkdir(path, 0o700), os.Chmod(path, 0o777))
				}
				return errors.Join(err, os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o666))
			}, "can be written by other users"},
			"foreign owner": {func(path, _ string) error {
				err := os.Mkdir(path, 0o700)
				if name != textsName {
					err = errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600))
				}
				return errors.Join(err, os.Chown(path, 4711, -1))
			}, "belongs to another user (uid 4711)"},
		} {
			t.Run(name+" "+kind, func(t *testing.T) {
				t.Parallel()
				if runtime.GOOS == "windows" && (kind == "second name" || kind == "foreign mode") {
					t.Skip("owners and modes are not checked on Windows")
				}
				d := hostile(t, func(data, victim string) error {
					return errors.Join(os.WriteFile(filepath.Join(data, "other"), nil, 0o600),
						c.make(filepath.Join(data, name), victim))
				})
				wantRefused(t, d, filepath.Join(d.data(), name)+" ", c.want)
			})
		}
	}
}

// TestForeignDataDirectoryIsRefused: the data directory itself.
func TestForeignDataDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make func(data, victim string) error
		want string
	}{
		"link out": {func(data, victim string) error {
			return errors.Join(os.Remove(data), os.Symlink(filepath.Dir(victim), data))
		}, "is a symbolic link"},
		"link inside": {func(data, _ string) error {
			inside := filepath.Join(filepath.Dir(data), "inside")
			return errors.Join(os.Remove(data), os.Mkdir(inside, 0o700), os.Symlink("inside", data))
		}, "is a symbolic link"},
		"file": {func(data, _ string) error {
			return errors.Join(os.Remove(data), os.WriteFile(data, nil, 0o600))
		}, "is a file"},
		"pipe": {func(data, _ string) error { return errors.Join(os.Remove(data), makePipe(data)) },
			"is a named pipe"},
		"foreign mode": {func(data, _ string) error { return os.Chmod(data, 0o777) }, "can be written by other users"},
		"group's":      {func(data, _ string) error { return os.Chmod(data, 0o770) }, "can be written by other users"},
		"foreign owner": {func(data, _ string) error { return os.Chown(data, 4711, -1) },
			"belongs to another user (uid 4711)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS == "windows" && strings.HasPrefix(c.want, "can be") {
				t.Skip("owners and modes are not checked on Windows")
			}
			d := hostile(t, c.make)
			wantRefused(t, d, d.data()+" ", c.want)
		})
	}
}

// wantRefused checks that a data directory is refused, before and after Make, and the reason.
func wantRefused(t *testing.T, d Dir, words ...string) {
	t.Helper()
	for range 2 {
		data, err := d.OpenData()
		if err == nil {
			data.Close()
		}
		wantError(t, err, append(words, "delete "+d.data())...)
		if err := d.Make(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOwnDataDirectoryIsTaken: bucketocr's own directory, opened to others by one chmod or not; without a directory the
// error says so.
func TestOwnDataDirectoryIsTaken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Dir(dir).OpenData(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of none: %v", err)
	}
	for _, mode := range []fs.FileMode{0o700, 0o755, 0o750} {
		w := openBucket(t, dir)
		writeText(t, w, finished(w, "a.png", fmt.Sprint(mode)))
		for _, name := range []string{LogName, OCRLogName} {
			file, err := w.data.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(file, mode)
			file.Close()
			wantFile(t, w.data.Path(name), fmt.Sprint(mode))
		}
		if err := w.data.SetEndpoint(Endpoint{"http://127.0.0.1:1", "secret"}); err != nil {
			t.Fatal(err)
		}
		closeBucket(t, w)
		if err := os.Chmod(filepath.Join(dir, dataName), mode); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, dataName, endpointName))
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the endpoint, and so its token, is open to others: %v %v", info, err)
	}
}

// TestLogsReplaceWhatHasTheirName: a log is a new file, whatever was put in its place since the checks.
func TestLogsReplaceWhatHasTheirName(t *testing.T) {
	t.Parallel()
	var victim string
	d := hostile(t, func(_, v string) error { victim = v; return nil })
	data, err := d.OpenData()
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	for _, link := range []func(old, new string) error{os.Symlink, os.Link} {
		if err := link(victim, data.Path(LogName)); err != nil {
			t.Skip(err)
		}
		file, err := data.Create(LogName)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(file, "log")
		file.Close()
		wantFile(t, data.Path(LogName), "log")
		if err := os.Remove(data.Path(LogName)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTextsStayInTheirFolder: no name of a record and no link in the folder of texts makes files outside be written or
// removed.
func TestTextsStayInTheirFolder(t *testing.T) {
	t.Parallel()
	var victim string
	d := hostile(t, func(data, v string) error {
		victim = v + ".md"
		texts := filepath.Join(data, textsName)
		writeFile(t, victim, "precious", time.Time{})
		return errors.Join(os.MkdirAll(filepath.Join(texts, "real"), 0o700),
			os.Symlink(filepath.Dir(v), filepath.Join(texts, "out")),
			os.Symlink("real", filepath.Join(texts, "in")), os.Symlink(victim, filepath.Join(texts, "link.md")),
			os.Symlink(filepath.Dir(texts), filepath.Join(texts, "up")))
	})
	w := openBucket(t, string(d))
	for _, name := range []string{
		"../../../victim", "../victim", "/victim", victim, "a/../../../../victim", "..", ".", "", "a//b",
		".bucketocr/lock", "a/.x", "\xff",
		"out/victim", "out/new", "in/new", "up/records.db", "up/new/new",
	} {
		for _, status := range []document.Status{document.StatusDone, document.StatusProcessing} {
			r := finished(w, name, "by whoever made the page")
			r.Status = status
			if path, err := w.WriteText(t.Context(), w.records, r); err == nil || path != "" {
				t.Errorf("%q, %s: %q, %v", name, status, path, err)
			}
		}
	}
	wantFile(t, writeText(t, w, finished(w, "link", "new")), "new\n")
	wantFile(t, victim, "precious")
	for _, dir := range []string{filepath.Dir(string(d)), w.data.path(textsName + "/real"), w.data.path(".")} {
		for _, name := range []string{"new.md", "new", "records.db.md"} {
			if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
				t.Errorf("%s was written in %s", name, dir)
			}
		}
	}
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	w := openBucket(t, t.TempDir())
	if e, err := w.data.Endpoint(); e != (Endpoint{}) || err != nil {
		t.Errorf("of none: %v, %v", e, err)
	}
	want := Endpoint{"http://127.0.0.1:45903", "SECRET"}
	for range 2 {
		if err := w.data.SetEndpoint(want); err != nil {
			t.Fatal(err)
		}
	}
	if e, err := w.data.Endpoint(); e != want || err != nil {
		t.Errorf("%v, %v", e, err)
	}
	for range 2 {
		if err := w.data.RemoveEndpoint(); err != nil {
			t.Error(err)
		}
	}
	if e, err := w.data.Endpoint(); e != (Endpoint{}) || err != nil {
		t.Errorf("of one that has ended: %v, %v", e, err)
	}
}

// TestEndpointIsOnThisMachine: the file may have come with the folder, and its address receives events and a token.
func TestEndpointIsOnThisMachine(t *testing.T) {
	t.Parallel()
	w := openBucket(t, t.TempDir())
	for text, good := range map[string]bool{
		"http://127.0.0.1:8080\ntoken\n":                    true,
		"http://127.1.2.3:1\ntoken":                         true,
		"http://[::1]:8080\ntoken\n":                        true,
		"https://127.0.0.1:8080\ntoken\n":                   false,
		"https://evil.example\ntoken\n":                     false,
		"http://evil.example:80\ntoken\n":                   false,
		"http://192.0.2.1:80\ntoken\n":                      false,
		"http://0.0.0.0:80\ntoken\n":                        false,
		"http://localhost:80\ntoken\n":                      false, // a name, which other names servers may answer for
		"http://127.0.0.1\ntoken\n":                         false,
		"http://127.0.0.1:80@evil.example\ntoken\n":         false,
		"http://evil.example\\@127.0.0.1:80\ntoken":         false,
		"http://user@127.0.0.1:80\ntoken\n":                 false,
		"http://127.0.0.1:80/path\ntoken\n":                 false,
		"http://127.0.0.1:80?q\ntoken\n":                    false,
		"http://127.0.0.1:80#f\ntoken\n":                    false,
		"http://127.0.0.1:80 \ntoken\n":                     false,
		"HTTP://127.0.0.1:80\ntoken\n":                      false,
		"http://127.0.0.1:80\n\n":                           false,
		"http://127.0.0.1:80\nto\rken\n":                    false,
		"http://127.0.0.1:80\ntoken\nmore\n":                false,
		"http://[::1%25lo]:80\ntoken\n":                     false,
		"":                                                  false,
		"http://127.0.0.1:80\n" + strings.Repeat("x", 2000): true, // cut at what is read
	} {
		if err := os.WriteFile(w.data.path(endpointName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := w.data.Endpoint()
		if (err == nil) != good || good != (e != Endpoint{}) {
			t.Errorf("%.60q: %v, %v", text, e, err)
		}
		if err != nil {
			wantError(t, err, w.data.path(endpointName), "delete the file")
		}
	}
}

// FuzzEndpoint: whatever is accepted is a port of this machine, and nothing else.
func FuzzEndpoint(f *testing.F) {
	f.Add("http://127.0.0.1:8080\ntoken\n")
	f.Add("http://[::1]:1\ntoken")
	f.Add("http://127.0.0.1:80@evil.example\nx")
	f.Fuzz(func(t *testing.T, text string) {
		e, ok := parseEndpoint(text)
		if !ok {
			return
		}
		if rest, isHTTP := strings.CutPrefix(e.URL, "http://"); !isHTTP || !strings.HasPrefix(rest, "127.") &&
			!strings.HasPrefix(rest, "[") {
			t.Errorf("%q", e.URL)
		}
		if strings.ContainsAny(e.URL[len("http://"):], "@/?#\\ ") || strings.ContainsAny(e.URL+e.Token, "\r\n\x00") {
			t.Errorf("%q", e)
		}
	})
}
