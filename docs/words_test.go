package docs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// notOurs are files whose words are others', or quote what is printed somewhere.
var notOurs = regexp.MustCompile(`(^|/)testdata/|(^|/)temml/|^examples/(samples|truth)/|^LICENSE$|^NOTICE$|^docs/words_test\.go$|^cmd/bucketocr/readable_integration_test\.go$|\.(png|jpg|tiff)$`)

// avoided are expressions of a dialect that this project once spoke, and what the field says.
var avoided = map[string]*regexp.Regexp{
	"a worker, a client, an operator": regexp.MustCompile(
		`(?i)\b(somebody|nobody (takes|looks|wants|knows|needs))\b`),
	"again":                                regexp.MustCompile(`(?i)\banew\b`),
	"repair, cure, fix":                    regexp.MustCompile(`(?i)\bmend(s|ed|ing)?\b`),
	"the handler":                          regexp.MustCompile(`(?i)\bthe (door|letterbox|darkroom)\b`),
	"drains, releases, closes":             regexp.MustCompile(`(?i)\blets go\b|\blets? (its|the) \w+ go\b`),
	"retries, takes over":                  regexp.MustCompile(`(?i)\btakes up (what|a record|an event|where)\b`),
	"is not a …":                           regexp.MustCompile(`\b(this|that|it|he|which|service|file|store|data|answer|object|folder) is no (error|image|file|folder|PDF|JPEG|PNG|topic|object|page|answer|number|record)\b`),
	"is below the minimum, is too large":   regexp.MustCompile(`"is too (little|much)"`),
	"is ignored":                           regexp.MustCompile(`(?i)\b(is|are|was|were) passed over\b`),
	"is not available, could not be found": regexp.MustCompile(`(?i)\b(not|never) (to )?be had\b`),
}

// TestWords: no sentence of code, help, logs or documents uses an avoided expression.
func TestWords(t *testing.T) {
	t.Parallel()
	list, err := exec.Command("git", "-C", "..", "ls-files", "-z").Output()
	if err != nil {
		t.Skip("not a checkout")
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(list), "\x00"), "\x00") {
		if notOurs.MatchString(name) {
			continue
		}
		text, err := os.ReadFile(filepath.Join("..", name))
		if os.IsNotExist(err) {
			continue // deleted, and not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		if bytes.ContainsRune(text, 0) {
			continue
		}
		for n, line := range bytes.Split(text, []byte("\n")) {
			for better, expression := range avoided {
				if found := expression.Find(line); found != nil {
					t.Errorf("%s:%d: %q: say %q", name, n+1, found, better)
				}
			}
		}
	}
}
