package main

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

// TestVersion: a line names what the program was built from, whatever of it is known.
func TestVersion(t *testing.T) {
	t.Parallel()
	on := " go1.26.8 " + runtime.GOOS + "/" + runtime.GOARCH
	for want, info := range map[string]debug.BuildInfo{
		"bucketocr v1.2.3": {Main: debug.Module{Version: "v1.2.3"}},
		"bucketocr (devel) commit 0123abc": {Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123abc"}, {Key: "vcs.modified", Value: "false"}}},
		"bucketocr v1.2.3 commit 0123abc (modified)": {Main: debug.Module{Version: "v1.2.3"},
			Settings: []debug.BuildSetting{
				{Key: "vcs.revision", Value: "0123abc"}, {Key: "vcs.modified", Value: "true"}}},
		"bucketocr (unknown version)": {},
	} {
		info.GoVersion = "go1.26.8"
		if got := describeBuild(&info); got != want+on {
			t.Errorf("%q, want %q", got, want+on)
		}
	}
	for _, args := range [][]string{{"version"}, {"--version"}} {
		code, stdout, stderr := called(args...)
		if code != exitGood || stderr != "" || !strings.HasPrefix(stdout, "bucketocr ") ||
			strings.Count(stdout, "\n") != 1 {
			t.Errorf("%v: %d, %q, %q", args, code, stdout, stderr)
		}
	}
}
