package deploytest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// built builds the program in a folder under the name gcloud and further names, and returns the folder for PATH.
func built(folder string, other ...string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		dir := filepath.Join(scratch, folder)
		out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "gcloud"), "./"+folder).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("%w: %s", err, out)
		}
		for _, name := range other {
			if err := os.Symlink("gcloud", filepath.Join(dir, name)); err != nil {
				return "", err
			}
		}
		return dir, nil
	})
}

var fakeGcloud = built("fakegcloud", "sleep", "curl")

// object is a JSON object.
type object = map[string]any

const (
	project = "my-project"
	number  = "123456789012"
	region  = "europe-west4"
	bucket  = "my-scans"
)
