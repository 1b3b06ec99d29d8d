package docs_test

import (
	"flag"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var update = flag.Bool("update", false, "write the golden files")

// TestLinks: every link of a Markdown file that stays within the repository leads to a file or folder that is there,
// and its anchor to a heading. Links that lead out of it are those of testdata/links.txt; none of these is followed.
func TestLinks(t *testing.T) {
	t.Parallel()
	outside := map[string]bool{}
	for _, file := range markdown(t) {
		for _, link := range links(read(t, file)) {
			if strings.Contains(link, "://") {
				outside[link] = true
				continue
			}
			checkLink(t, file, link)
		}
	}
	var all strings.Builder
	for _, link := range sorted(outside) {
		all.WriteString(link + "\n")
	}
	const golden = "testdata/links.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(all.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if want := read(t, golden); all.String() != want {
		t.Errorf("links that lead out of the repository:\n%s\n%s has\n%s\n(go test ./docs -update writes it)",
			all.String(), golden, want)
	}
}

// TestAnchors: anchors of headings are made as GitHub makes them.
func TestAnchors(t *testing.T) {
	t.Parallel()
	page := "# One event's way\n\n## `up`, and *more*\n\n## Cost\n\n```sh\n# not a heading\n```\n\n## Cost\n\n## With [a link](x.md)\n"
	want := []string{"one-events-way", "up-and-more", "cost", "cost-1", "with-a-link"}
	if got := anchors(page); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func checkLink(t *testing.T, file, link string) {
	t.Helper()
	path, anchor, _ := strings.Cut(link, "#")
	path, err := url.PathUnescape(path)
	if err != nil {
		t.Errorf("%s: %s: %v", file, link, err)
		return
	}
	target := file
	if path != "" {
		target = filepath.Join(filepath.Dir(file), filepath.FromSlash(path))
	}
	if rel, err := filepath.Rel("..", target); err != nil || !filepath.IsLocal(rel) {
		t.Errorf("%s: %s leads out of the repository", file, link)
		return
	}
	if _, err := os.Stat(target); err != nil {
		t.Errorf("%s: %s: there is no such file", file, link)
		return
	}
	if anchor != "" && !slices.Contains(anchors(read(t, target)), anchor) {
		t.Errorf("%s: %s: there is no such heading", file, link)
	}
}

// markdown returns the Markdown files of the repository, without what tools have put into it.
func markdown(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", ".bucketocr", "node_modules", ".venv",
			"testdata", "dist"}, d.Name()):
			return fs.SkipDir
		case strings.HasSuffix(path, ".md"):
			found = append(found, path)
		}
		return nil
	})
	if err != nil || len(found) < 15 {
		t.Fatalf("%d Markdown files, %v", len(found), err)
	}
	return found
}

var (
	fence  = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	code   = regexp.MustCompile("`[^`\n]*`")
	inline = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	bare   = regexp.MustCompile(`<(https?://[^>\s]+)>`)
	mark   = regexp.MustCompile("[`*]|\\]\\([^)]*\\)|[\\[\\]]")
)

// links returns the targets of a page's links and pictures; what is code has none.
func links(page string) []string {
	page = code.ReplaceAllString(fence.ReplaceAllString(page, ""), "")
	var all []string
	for _, m := range append(inline.FindAllStringSubmatch(page, -1), bare.FindAllStringSubmatch(page, -1)...) {
		all = append(all, m[1])
	}
	return all
}

// anchors returns the anchors of a page's headings.
func anchors(page string) []string {
	var all []string
	seen := map[string]int{}
	for line := range strings.Lines(fence.ReplaceAllString(page, "")) {
		level, heading, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || level == "" || strings.Trim(level, "#") != "" {
			continue
		}
		anchor := strings.Map(func(r rune) rune {
			switch {
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			case r == ' ':
				return '-'
			}
			return -1
		}, mark.ReplaceAllString(heading, ""))
		if n := seen[anchor]; n > 0 {
			all = append(all, anchor+"-"+string(rune('0'+n)))
		} else {
			all = append(all, anchor)
		}
		seen[anchor]++
	}
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func sorted(set map[string]bool) []string {
	var all []string
	for s := range set {
		all = append(all, s)
	}
	slices.Sort(all)
	return all
}

// TestAlertsNameTheirSteps: each alert has the address of its section in operations.md.
func TestAlertsNameTheirSteps(t *testing.T) {
	t.Parallel()
	address := regexp.MustCompile(`Steps: https://github\.com/bucketocr/bucketocr/blob/main/docs/operations\.md#([a-z-]+)"`)
	alerts, err := filepath.Glob("../deploy/alerts/*.json")
	if err != nil || len(alerts) != 4 {
		t.Fatalf("%d alerts, %v", len(alerts), err)
	}
	headings := anchors(read(t, "operations.md"))
	for _, file := range alerts {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if m := address.FindSubmatch(text); m == nil || !slices.Contains(headings, string(m[1])) {
			t.Errorf("%s: no address of a section, or one of none: %q", file, m)
		}
	}
}
