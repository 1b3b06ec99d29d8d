package event

import (
	"strings"
	"sync"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

func eventOf(kind document.Kind, name, contentType string) document.Event {
	return document.Event{
		Kind:       kind,
		Object:     document.Object{Bucket: "b", Name: name, Generation: 1},
		Attributes: document.Attributes{ContentType: contentType},
	}
}

func TestSkip(t *testing.T) {
	only := func(globs string) Filter { return mustFilter(t, globs, "") }
	but := func(globs string) Filter { return mustFilter(t, "", globs) }
	for _, tt := range []struct {
		name, contentType string
		filter            Filter
		want              string
	}{
		{"a.png", "image/png", Filter{}, ""},
		{"a/", "image/png", Filter{}, ReasonFolder},
		{"a/", "", Filter{}, ReasonFolder},
		{"/", "", Filter{}, ReasonFolder},
		{"a/b.png/", "", Filter{}, ReasonFolder},

		{".DS_Store", "", Filter{}, ReasonJunk},
		{"a/.DS_Store", "application/octet-stream", Filter{}, ReasonJunk},
		{"a/._page.png", "image/png", Filter{}, ReasonJunk},
		{"._", "", Filter{}, ReasonJunk},
		{"a/Thumbs.db", "", Filter{}, ReasonJunk},
		{"THUMBS.DB", "", Filter{}, ReasonJunk},
		{"a/desktop.ini", "", Filter{}, ReasonJunk},
		{"Desktop.ini", "image/png", Filter{}, ReasonJunk},
		{".DS_Store/a.png", "", Filter{}, ""},
		{"._a/b.png", "", Filter{}, ""},
		{"x.DS_Store", "", Filter{}, ""},
		{"a._b", "", Filter{}, ""},
		{".hidden.png", "", Filter{}, ""},

		{"a.png", "", but("*.png"), ReasonExcluded},
		{"a.png", "", but("*.jpg,a.*"), ReasonExcluded},
		{"b/a.png", "", but("*.png"), ""},
		{"a.png", "", only("*.png"), ""},
		{"a.PNG", "", only("*.png"), ReasonNotIncluded},
		{"b/a.png", "", only("*.png"), ReasonNotIncluded},
		{"b/a.png", "", only("*.png,b/**"), ""},
		{"a.png", "image/png", mustFilter(t, "**", "a.png"), ReasonExcluded},
		{"b.png", "image/png", mustFilter(t, "**", "a.png"), ""},
		{"inbox/", "", only("**"), ReasonFolder},
		{"inbox/._a.png", "", only("inbox/**"), ReasonJunk},
		{"notes.txt", "text/plain", only("**"), ReasonNotImage},
		{"notes.txt", "text/plain", but("*.txt"), ReasonExcluded},
	} {
		for _, kind := range []document.Kind{document.KindFinalized, document.KindDeleted} {
			reason, skip := tt.filter.Skip(eventOf(kind, tt.name, tt.contentType))
			if reason != tt.want || skip != (tt.want != "") {
				t.Errorf("%s %q %q: %q, %v; want %q", kind, tt.name, tt.contentType, reason, skip, tt.want)
			}
		}
	}
}

func mustFilter(t *testing.T, include, exclude string) Filter {
	t.Helper()
	split := func(s string) []string {
		if s == "" {
			return nil
		}
		return strings.Split(s, ",")
	}
	f, err := NewFilter(split(include), split(exclude))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Every kind of declared type with every kind of extension.
func TestSkipByTypeAndExtension(t *testing.T) {
	types := map[string]bool{
		"image/png": true, "IMAGE/PNG": true, "image/jpeg; q=1": true, " image/tiff ;x": true, "image/svg+xml": true,
		"application/pdf": true, "Application/PDF;version=1.4": true,
		"": true, " ": true, "application/octet-stream": true, "Binary/Octet-Stream": true,
		"application/octet-stream; charset=binary": true,
		"text/plain": false, "text/markdown; charset=utf-8": false, "application/json": false,
		"application/x-pdf": false,
		"image":             false, "video/mp4": false, "x-image/png": false, "application/zip": false, ";": true,
	}
	names := map[string]bool{
		"a.png": true, "a.jpg": true, "a.jpeg": true, "a.jpe": true, "a.jfif": true, "a.gif": true, "a.bmp": true,
		"a.webp": true, "a.tif": true, "a.tiff": true, "a.heic": true, "a.heif": true, "a.avif": true, "a.pdf": true,
		"a.jp2": true, "a.jpx": true, "a.jpf": true, "a.j2k": true, "a.j2c": true, "a.jpc": true,
		"A.PNG": true, "x/y.Tiff": true, "a.txt.pdf": true, ".png": true, "x//a.png": true,
		"README": false, "README.md": false, "notes.txt": false, "png": false, "a.png.txt": false, "a.png/b": false,
		"a.": false, "a.pn": false, "a.png ": false, `a.txt\png`: false, "a.svg": false,
	}
	for contentType, typeOK := range types {
		for name, nameOK := range names {
			want := ""
			if !typeOK && !nameOK {
				want = ReasonNotImage
			}
			if got, skip := (Filter{}).Skip(eventOf(document.KindFinalized, name, contentType)); got != want ||
				skip != (want != "") {
				t.Errorf("%q of type %q: %q, %v; want %q", name, contentType, got, skip, want)
			}
		}
	}
}

func TestNewFilterNamesEveryBadPattern(t *testing.T) {
	_, err := NewFilter([]string{"ok/**", "a[", ""}, []string{"*.{png,jpg}"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`"a["`, `""`, `"*.{png,jpg}"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: does not name %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "ok/**") {
		t.Errorf("%v: names a good one", err)
	}
}

func TestFilterAtOnce(t *testing.T) {
	f := mustFilter(t, "in/**", "**/tmp/**")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if _, skip := f.Skip(eventOf(document.KindFinalized, "in/a/b.png", "")); skip {
					t.Error("skipped")
				}
			}
		})
	}
	wg.Wait()
}
