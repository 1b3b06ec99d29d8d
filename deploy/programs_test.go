package deploytest

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
)

// built builds a program of a folder here under the name gcloud, and gives the folder for PATH.
func built(folder string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		dir := filepath.Join(scratch, folder)
		out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "gcloud"), "./"+folder).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("%w: %s", err, out)
		}
		return dir, nil
	})
}

var fakeGcloud = built("fakegcloud")

// object is a JSON object.
type object = map[string]any

const (
	project = "my-project"
	number  = "123456789012"
	region  = "europe-west4"
	bucket  = "my-scans"
)
