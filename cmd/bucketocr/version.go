package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/pflag"
)

const versionHelp = `Prints the module's version, the commit if the program was built in a checkout, and the Go
version: include them in a bug report. bucketocr --version prints the same.

Example: bucketocr version
`

func versionFlags(*pflag.FlagSet) action {
	return func(_ context.Context, sys system, args []string) int {
		if len(args) > 0 {
			return complain(sys, "version", errors.New("it takes no arguments"))
		}
		fmt.Fprintln(sys.stdout, version())
		return exitGood
	}
}

// version returns a line that describes this program's build.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{GoVersion: runtime.Version()}
	}
	return describeBuild(info)
}

func describeBuild(info *debug.BuildInfo) string {
	words := []string{"bucketocr", "(unknown version)"}
	if v := info.Main.Version; v != "" {
		words[1] = v
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if commit := settings["vcs.revision"]; commit != "" {
		words = append(words, "commit", commit)
		if settings["vcs.modified"] == "true" {
			words = append(words, "(modified)")
		}
	}
	return strings.Join(append(words, info.GoVersion, runtime.GOOS+"/"+runtime.GOARCH), " ")
}
