//go:build integration || nightly

package servers

import (
	"bytes"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// program builds the real program.
func program(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bucketocr")
	if out, err := exec.Command("go", "build", "-o", file, "../../cmd/bucketocr").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return file
}

// folder is a folder that the program reads once.
type folder struct {
	path  string
	pages map[string][]byte // by name
	ended chan error
	out   bytes.Buffer
}

// readFolder starts reading a folder with these pages.
func readFolder(t *testing.T, program string, env []string, pages map[string][]byte) *folder {
	t.Helper()
	f := &folder{path: t.TempDir(), pages: pages, ended: make(chan error, 1)}
	for name, page := range pages {
		file := filepath.Join(f.path, name+".png")
		if err := os.WriteFile(file, page, 0o600); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Minute) // it counts as written to its end
		if err := os.Chtimes(file, old, old); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), program, "up", "--once", f.path)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &f.out, &f.out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { f.ended <- cmd.Wait() }()
	return f
}

// text returns the path of a page's text.
func (f *folder) text(name string) string {
	return filepath.Join(f.path, ".bucketocr", "text", name+".png.md")
}

// read returns how many pages have been read by now.
func (f *folder) read() int {
	n := 0
	for name := range f.pages {
		if _, err := os.Stat(f.text(name)); err == nil {
			n++
		}
	}
	return n
}

// texts returns the texts by name, once all is done.
func (f *folder) texts(t *testing.T) map[string]string {
	t.Helper()
	if err := <-f.ended; err != nil {
		t.Fatalf("bucketocr up: %v\n%s", err, f.out.String())
	}
	texts := map[string]string{}
	for name := range f.pages {
		text, err := os.ReadFile(f.text(name))
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = strings.TrimSpace(string(text))
	}
	return texts
}

// strip returns a page that is too thin to read once a server has scaled it.
func strip() image.Image {
	m := image.NewGray(image.Rect(0, 0, 3, 9000))
	for i := range m.Pix {
		m.Pix[i] = byte(i / 3000 % 2 * 255)
	}
	return m
}

// folderIsRead checks that the program reads pages with this server as the model wrote them, and a loop without its
// repetitions. That takes three answers, the last of which must be long enough to show a loop that no page can hold.
// With these limits they are short, and a busy machine has minutes for them before the program stops asking.
func folderIsRead(t *testing.T, env ...string) {
	answers := readModel(t)
	pages := map[string][]byte{}
	for _, colour := range []string{"white", "black", "red", "blue", "magenta"} {
		pages[colour] = encode(t, sized(colour, 850, 1100)(t))
	}
	pages["strip"] = encode(t, strip())
	answers["strip"] = answers["white"] // which it is laid on
	env = append(env, fmt.Sprintf("OCR_MAX_TOKENS=%d", loopTokens), "OCR_TIMEOUT=200s", "PROCESS_TIMEOUT=494s")
	for colour, got := range readFolder(t, program(t), env, pages).texts(t) {
		want := strings.TrimSpace(strings.Join(answers[colour].Tokens, ""))
		if got != want && (colour != "red" || !strings.HasPrefix(got, want) || strings.Count(got, "round") > 2) {
			t.Errorf("%s: %s, not %s", colour, clip(got), clip(want))
		}
	}
}
