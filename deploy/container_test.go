package deploytest

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page"
)

// copied are the files of the container's image: what each is in the build, by its path in the image.
func copied(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	line := regexp.MustCompile(`(?m)^COPY --from=build (\S+) (\S+)$`)
	for _, m := range line.FindAllStringSubmatch(read(t, "deploy/container/Dockerfile"), -1) {
		files[m[2]] = m[1]
	}
	return files
}

// TestImageHasEnginesWhereTheProgramLooks: beside it, under a name of their own.
func TestImageHasEnginesWhereTheProgramLooks(t *testing.T) {
	files := copied(t)
	var folder string
	for at := range files {
		if path.Base(at) != "bucketocr" {
			folder = at
		}
	}
	if len(files) != 2 || files["/bucketocr"] == "" || path.Dir(folder) != "/" {
		t.Fatalf("%q", files)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	beside := filepath.Join(filepath.Dir(program), path.Base(folder))
	if got := page.ShippedEngines(); got != "" {
		t.Fatal(got)
	}
	if err := os.Mkdir(beside, 0o700); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(beside)
	if got := page.ShippedEngines(); got != beside {
		t.Errorf("%q instead of %q", got, beside)
	}
}
