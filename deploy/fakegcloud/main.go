// Command fakegcloud replaces gcloud in tests that run deploy.sh often: the real one takes a second per command. It
// knows the few answers that deploy.sh reads, keeps created resources in a file of lines, and records every change.
// Called as sleep it lets time pass without waiting, called as curl it answers for Firestore and Hugging Face.
//
// Files, in reading order:
//
//	main.go     the command line, simulated failures, dispatch
//	curl.go     the three APIs that deploy.sh calls without gcloud
//	answers.go  answers about created resources
//	reality.go  behaviour of the real platform: delays, quotas, policies
//	state.go    created resources and their age, on a clock that only sleeps and commands advance
//	command.go  parsing a command line
//
// FAKE_STATE names the file. FAKE_CUT is the number of changes after which all further ones fail; with FAKE_LOST set,
// the last successful one reports failure as well, as if its answer were lost. FAKE_REAL lists the enabled parts of
// reality.go.
package main

import (
	"os"
	"path/filepath"
	"strconv"
)

func main() {
	s := load()
	switch filepath.Base(os.Args[0]) {
	case "sleep":
		seconds, err := strconv.Atoi(os.Args[1])
		if err != nil {
			fail(err.Error())
		}
		s.pass(seconds)
		return
	case "curl":
		s.pass(1)
		curl(s, os.Args[1:])
		return
	}
	s.pass(1)
	c := parse(os.Args[1:])
	if why := refusal(s, c); why != "" {
		fail(why)
	}
	if c.is("storage cp") {
		s.upload(c.words[2])
		return
	}
	if c.reads() {
		os.Exit(s.read(c))
	}
	cut, limited := os.LookupEnv("FAKE_CUT")
	if n, _ := strconv.Atoi(cut); limited && s.changes >= n {
		fail("cut off")
	} else if limited && os.Getenv("FAKE_LOST") != "" && s.changes+1 == n {
		s.write(c)
		fail("the answer was lost")
	}
	if !s.write(c) {
		fail("ALREADY_EXISTS: " + c.key())
	}
}
