// Command fakegcloud replaces gcloud where a test runs deploy.sh often: the real one takes a second a command. It knows
// the few answers that deploy.sh reads, keeps what was made in a file of lines, and records every change. Under the
// names sleep and curl it is what these do for deploy.sh: time passes without waiting, and Firestore and Hugging Face
// answer.
//
//	main.go     the command line, cuts, which part answers
//	curl.go     the three APIs that deploy.sh asks without gcloud
//	answers.go  what is printed of what was made
//	reality.go  what the real platform does that a plain stand-in does not: delays, quotas, policies
//	state.go    what was made, and when, on a clock that only sleeps and commands move
//	command.go  what a command line is about
//
// FAKE_STATE names the file. FAKE_CUT is the number of changes after which all further ones fail; with FAKE_LOST set,
// the last of those that are carried out fails as well, as where the answer is lost. FAKE_REAL lists what of reality.go
// is on.
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
		s.upload()
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
