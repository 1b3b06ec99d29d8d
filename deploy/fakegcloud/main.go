// Command fakegcloud replaces gcloud where a test cuts deploy.sh short at many places: the real one takes a second a
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
		return "times " + c.last()
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
	if c.is("pubsub subscriptions update") && c.flags["--ack-deadline"] != "" {
		return c.flags["--ack-deadline"] + " " + c.flags["--message-retention-duration"]
	}
	return c.flags["--push-endpoint"] + c.flags["--log-filter"]
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

// read prints what deploy.sh asks for, in the form that its --format wants, and returns the exit code.
func (s *state) read(c command) int {
	if slices.Contains(c.words, "get-iam-policy") {
		group := strings.Join(c.words[:slices.Index(c.words, "get-iam-policy")], " ")
		s.each("policy of "+group+" "+c.last()+": ", func(binding, _ string) { fmt.Println(binding) })
		return 0
	}
	for _, a := range answers {
		if c.is(a.command) {
			return a.print(s, c)
		}
	}
	fail("the fake does not know this: " + strings.Join(c.words, " "))
	return 2
}

// each calls f for the things whose keys begin with prefix, in order.
func (s *state) each(prefix string, f func(rest, mark string)) {
	var keys []string
	for key := range s.things {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		f(strings.TrimPrefix(key, prefix), s.things[key])
	}
}

// describe prints what is printed of a thing that is there.
func describe(key string, text func(name, mark string) string) func(*state, command) int {
	return func(s *state, c command) int {
		name := c.last()
		if strings.HasPrefix(key, "firestore databases") {
			name = c.flags["--database"]
		}
		mark, ok := s.things[key+" "+name]
		if !ok {
			fail("NOT_FOUND: " + name)
		}
		fmt.Println(text(name, mark))
		return 0
	}
}

func list(prefix string, text func(name, mark string) string) func(*state, command) int {
	return func(s *state, _ command) int {
		s.each(prefix, func(name, mark string) { fmt.Println(text(name, mark)) })
		return 0
	}
}

func always(text string) func(*state, command) int {
	return func(*state, command) int {
		fmt.Println(text)
		return 0
	}
}

func itsMark(_, mark string) string { return mark }

func address(name string) string { return "https://" + name + "-1.example.run.app" }

var answers = []struct {
	command string
	print   func(*state, command) int
}{
	{"services list", func(s *state, _ command) int {
		if _, ok := s.things["services"]; ok {
			for _, api := range []string{"artifactregistry", "cloudbuild", "cloudresourcemanager", "cloudscheduler", "eventarc",
				"firestore", "iam", "logging", "monitoring", "pubsub", "run", "storage"} {
				fmt.Println(api + ".googleapis.com")
			}
		}
		return 0
	}},
	{"projects describe", always("123456789012")},
	{"storage service-agent", always("service-123456789012@gs-project-accounts.iam.gserviceaccount.com")},
	{"meta list-files-for-upload", always("LICENSE")},
	{"iam service-accounts list", list("iam service-accounts ", func(name, _ string) string {
		return name + "@my-project.iam.gserviceaccount.com"
	})},
	{"storage buckets describe", describe("storage buckets", func(_, mark string) string { return strings.ToUpper(mark) })},
	{"firestore databases describe", describe("firestore databases", func(string, string) string { return "europe-west4" })},
	{"firestore indexes fields list", list("exemption ", func(name, _ string) string {
		collection, field, _ := strings.Cut(name, " ")
		return "projects/p/databases/d/collectionGroups/" + collection + "/fields/" + field
	})},
	{"firestore fields ttls list", list("ttl ", func(name, _ string) string {
		return "projects/p/databases/d/collectionGroups/ocr_documents/fields/" + name + "\tCREATING"
	})},
	{"firestore indexes composite list", list("composite", func(string, string) string {
		return "status finished"
	})},
	{"artifacts repositories describe", describe("artifacts repositories", func(name, _ string) string { return name })},
	{"artifacts tags list", func(s *state, _ command) int {
		mark, ok := s.things["image"]
		if !ok {
			fail("NOT_FOUND: package ocr")
		}
		fmt.Println(mark)
		return 0
	}},
	{"run services list", list("run services bucketocr-gpu", func(string, string) string { return address("bucketocr-gpu") })},
	{"run services describe", func(s *state, c command) int {
		switch format := c.flags["--format"]; {
		case strings.Contains(format, "status.traffic"):
			fmt.Println("100 True")
		case strings.Contains(format, "status.url"):
			fmt.Println(address(c.last()))
		default:
			return describe("run services", func(name, mark string) string { return mark + "," + name + "-1," + name + "-1" })(s, c)
		}
		return 0
	}},
	{"eventarc triggers list", list("eventarc triggers ", func(name, mark string) string { return name + " " + mark })},
	{"eventarc triggers describe", describe("eventarc triggers", func(name, _ string) string {
		return "projects/my-project/subscriptions/eventarc-" + name
	})},
	{"pubsub topics describe", describe("pubsub topics", func(name, _ string) string { return name })},
	{"pubsub subscriptions describe", func(s *state, c command) int {
		if strings.Contains(c.flags["--format"], "ackDeadlineSeconds") {
			if mark, ok := s.things["times "+c.last()]; ok {
				fmt.Println(mark)
			} else {
				fmt.Println("10 86400s") // as Eventarc makes it
			}
			return 0
		}
		return describe("pubsub subscriptions", func(string, string) string { return address("bucketocr") })(s, c)
	}},
	{"scheduler jobs describe", describe("scheduler jobs", itsMark)},
	{"logging metrics describe", describe("logging metrics", itsMark)},
	{"monitoring dashboards describe", describe("dashboard", itsMark)},
	{"alpha monitoring policies list", list("alert ", func(name, mark string) string {
		return "projects/my-project/alertPolicies/" + name + " " + name + " " + mark
	})},
}
