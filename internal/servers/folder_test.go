//go:build integration || nightly

package servers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// readFolder has the real program read a folder with pages of these colours once, and returns the texts by colour.
func readFolder(t *testing.T, env []string, pages map[string][]byte) map[string]string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "bucketocr")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/bucketocr").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	folder := t.TempDir()
	for name, page := range pages {
		file := filepath.Join(folder, name+".png")
		if err := os.WriteFile(file, page, 0o600); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Minute) // it counts as written to its end
		if err := os.Chtimes(file, old, old); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "up", "--once", folder)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("bucketocr up: %v\n%s", err, out)
	}
	texts := map[string]string{}
	for name := range pages {
		text, err := os.ReadFile(filepath.Join(folder, ".bucketocr", "text", name+".png.md"))
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = strings.TrimSpace(string(text))
	}
	return texts
}

// folderIsRead: the program reads pages by this server as the model wrote them, and a loop without its repetitions.
func folderIsRead(t *testing.T, env ...string) {
	answers := readModel(t)
	pages := map[string][]byte{}
	for _, colour := range []string{"white", "black", "red", "blue", "magenta", "orange"} {
		pages[colour] = encode(t, sized(colour, 850, 1100)(t))
	}
	for colour, got := range readFolder(t, env, pages) {
		want := strings.TrimSpace(strings.Join(answers[colour].Tokens, ""))
		if got != want && (colour != "red" || !strings.HasPrefix(got, want) || strings.Count(got, "round") > 2) {
			t.Errorf("%s: %s, not %s", colour, clip(got), clip(want))
		}
	}
}
