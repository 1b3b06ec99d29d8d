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

const versionHelp = `Prints the version of the module, the commit where the program was built in a checkout, and Go's version: what a bug report
wants. bucketocr --version does the same.

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

// version says in a line what this program was built from.
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
