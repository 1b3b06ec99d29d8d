// Command fakegcloud stands in for gcloud where a test cuts deploy.sh short at many places: the real one takes a second a
// command. It knows the few answers that deploy.sh reads, keeps what was made in a file of lines, and records every change.
//
// FAKE_STATE names the file. FAKE_CUT is the number of changes after which all further ones fail; with FAKE_LOST set, the
// last of those that are carried out fails as well, as where the answer is lost.
package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

func main() {
	c := parse(os.Args[1:])
	state := load()
	if c.reads() {
		os.Exit(state.read(c))
	}
	cut, limited := os.LookupEnv("FAKE_CUT")
	if n, _ := strconv.Atoi(cut); limited && state.run() >= n {
		fail("cut off")
	} else if limited && os.Getenv("FAKE_LOST") != "" && state.run()+1 == n {
		state.write(c)
		fail("the answer was lost")
	}
	if !state.write(c) {
		fail("ALREADY_EXISTS: " + c.key())
	}
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, "ERROR: (gcloud) "+why)
	os.Exit(1)
}

// command is one command line: its words in order, and its flags.
type command struct {
	words []string
	flags map[string]string
}

func parse(args []string) command {
	c := command{flags: map[string]string{}}
	for _, a := range args {
		if name, value, ok := strings.Cut(a, "="); strings.HasPrefix(a, "--") {
			if _, twice := c.flags[name]; twice && ok {
				value = c.flags[name] + " " + value
			}
			c.flags[name] = value
			continue
		}
		c.words = append(c.words, a)
	}
	return c
}

func (c command) is(words string) bool {
	return strings.HasPrefix(strings.Join(c.words, " ")+" ", words+" ")
}

func (c command) last() string { return c.words[len(c.words)-1] }

// reads says whether the command only asks.
func (c command) reads() bool {
	for _, verb := range []string{"list", "describe", "get-iam-policy", "list-files-for-upload", "service-agent", "print-access-token"} {
		if slices.Contains(c.words, verb) {
			return true
		}
	}
	return false
}

// key names what a change makes.
func (c command) key() string {
	switch {
	case c.is("services enable"):
		return "services"
	case slices.Contains(c.words, "add-iam-policy-binding"):
		group := strings.Join(c.words[:slices.Index(c.words, "add-iam-policy-binding")], " ")
		return fmt.Sprintf("policy of %s %s: %s %s", group, c.last(), c.flags["--role"], c.flags["--member"])
	case c.is("firestore indexes fields update"):
		return "exemption " + c.flags["--collection-group"] + " " + c.last()
	case c.is("firestore fields ttls update"):
		return "ttl " + c.last()
	case c.is("firestore indexes composite create"):
		return "composite"
	case c.is("firestore databases create"):
		return "firestore databases " + c.flags["--database"]
	case c.is("alpha monitoring policies"):
		return "alert " + between(c.flags["--policy"], `"bucketocr_alert": "`, `"`)
	case c.is("monitoring dashboards create"):
		return "dashboard " + between(c.flags["--config"], `/dashboards/`, `"`)
	case c.is("monitoring dashboards"):
		return "dashboard " + c.last()
	case c.is("scheduler jobs"):
		return "scheduler jobs " + c.last()
	case c.is("pubsub subscriptions update"):
		return "ack " + c.last()
	case c.is("builds submit"):
		return "image"
	case c.is("run deploy"):
		return "run services " + c.last()
	}
	verb := len(c.words) - 2
	return strings.Join(c.words[:verb], " ") + " " + c.last()
}

// mark is what the next run compares.
func (c command) mark() string {
	for _, text := range []string{c.flags["--labels"], c.flags["--update-labels"]} {
		if text != "" {
			return strings.NewReplacer("bucketocr_bucket=", "", ",bucketocr_input=", " ", "bucketocr_input=", "").Replace(text)
		}
	}
	if c.is("storage buckets create") {
		return c.flags["--location"] + " 123456789012"
	}
	if file := c.flags["--config-from-file"]; file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			fail(err.Error())
		}
		return between(string(text), `"description": "`, `"`)
	}
	if c.is("monitoring dashboards") {
		return between(c.flags["--config"], `"bucketocr_input": "`, `"`)
	}
	if p := c.flags["--policy"]; p != "" {
		return between(p, `"bucketocr_input": "`, `"`)
	}
	if s := c.flags["--substitutions"]; s != "" {
		return between(s, "/ocr:", ",")
	}
	if d := c.flags["--description"]; d != "" && c.flags["--log-filter"] == "" {
		return d
	}
	return c.flags["--ack-deadline"] + c.flags["--push-endpoint"] + c.flags["--log-filter"]
}

func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}

// state is what was made, by key, and how many changes this run has made.
type state struct {
	file   string
	things map[string]string
	runs   int
}

func (s *state) run() int { return s.runs }

func load() *state {
	s := &state{file: os.Getenv("FAKE_STATE"), things: map[string]string{}}
	f, err := os.Open(s.file)
	if err != nil {
		return s
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, mark, _ := strings.Cut(lines.Text(), "\t")
		if key == "run" {
			s.runs = 0
			continue
		}
		s.things[key] = mark
		s.runs++
	}
	return s
}

// write records a change; false where it would make what is there already.
func (s *state) write(c command) bool {
	_, there := s.things[c.key()]
	if there && slices.Contains(c.words, "create") {
		return false
	}
	f, err := os.OpenFile(s.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		fail(err.Error())
	}
	defer f.Close()
	_, err = fmt.Fprintf(f, "%s\t%s\n", c.key(), c.mark())
	if err != nil {
		fail(err.Error())
	}
	return true
}
