package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

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

func (c command) has(word string) bool { return slices.Contains(c.words, word) }

func (c command) last() string { return c.words[len(c.words)-1] }

// reads reports whether the command only reads.
func (c command) reads() bool {
	for _, verb := range []string{"list", "describe", "get-iam-policy", "list-files-for-upload", "service-agent",
		"print-access-token",
		"list-cleanup-policies", "read", "version"} {
		if c.has(verb) {
			return true
		}
	}
	_, help := c.flags["--help"]
	return help
}

// policy returns the key prefix of a policy's bindings, from the words before the verb.
func (c command) policy(verb string) string {
	return fmt.Sprintf("policy of %s %s: ", strings.Join(c.words[:slices.Index(c.words, verb)], " "), c.last())
}

// key returns the name of the resource that a change creates.
func (c command) key() string {
	for _, verb := range []string{"add-iam-policy-binding", "remove-iam-policy-binding"} {
		if c.has(verb) {
			key := c.policy(verb) + c.flags["--role"] + " " + c.flags["--member"]
			if _, title, ok := strings.Cut(c.flags["--condition"], "title="); ok {
				key += " " + title
			}
			return key
		}
	}
	switch {
	case c.is("services enable"):
		return "services"
	case c.is("iam service-accounts"):
		name, _, _ := strings.Cut(c.last(), "@")
		return "iam service-accounts " + name
	case c.is("beta services identity create"):
		return "agent " + strings.TrimSuffix(c.flags["--service"], ".googleapis.com")
	case c.is("firestore indexes fields update"):
		return "exemption " + c.flags["--collection-group"] + " " + c.last()
	case c.is("firestore fields ttls update"):
		return "ttl " + c.last()
	case c.is("firestore indexes composite create"):
		return "composite"
	case c.is("firestore databases create"):
		return "firestore databases " + c.flags["--database"]
	case c.is("alpha monitoring policies delete"):
		return "alert " + filepath.Base(c.last())
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
	case c.is("builds submit"), c.is("artifacts packages delete"):
		return "image"
	case c.is("run deploy"):
		return "run services " + c.last()
	case c.is("artifacts repositories update"):
		return "recorded " + c.last()
	case c.is("artifacts repositories set-cleanup-policies"):
		return "cleanup " + c.last()
	}
	verb := len(c.words) - 2
	return strings.Join(c.words[:verb], " ") + " " + c.last()
}

// mark returns the value that the next run compares.
func (c command) mark() string {
	if c.is("artifacts repositories create") {
		return between(c.flags["--labels"]+",", "bucketocr_made=", ",")
	}
	if c.is("artifacts repositories update") {
		return strings.NewReplacer("bucketocr_model=", "", "bucketocr_revision=",
			"").Replace(c.flags["--update-labels"])
	}
	if c.is("run deploy") {
		return strings.Join([]string{strings.TrimPrefix(c.flags["--labels"], "bucketocr_input="),
			c.flags["--max-instances"] + " " + c.flags["--concurrency"] + " " + c.flags["--timeout"] + " " +
				c.flags["--min-instances"], strings.TrimPrefix(c.flags["--set-env-vars"], "^##^")}, "|")
	}
	for _, text := range []string{c.flags["--labels"], c.flags["--update-labels"]} {
		if text != "" && c.is("eventarc triggers") {
			return strings.NewReplacer("bucketocr_bucket=", "", ",bucketocr_input=", " ").Replace(text) + " " +
				c.flags["--location"]
		}
		if text != "" {
			return strings.TrimPrefix(text, "bucketocr_input=")
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
	if p := c.flags["--policy"]; p != "" && !c.is("artifacts") {
		return between(p, `"bucketocr_input": "`, `"`)
	}
	if s := c.flags["--substitutions"]; s != "" {
		return between(s, "/ocr:", ",")
	}
	if d := c.flags["--description"]; d != "" && c.flags["--log-filter"] == "" {
		return d
	}
	if c.is("pubsub subscriptions update") && c.flags["--ack-deadline"] != "" {
		end := cmp(c.flags["--expiration-period"], "2678400s") // unchanged
		end = strings.Replace(end, "never", "", 1)
		return strings.TrimRight(c.flags["--ack-deadline"]+" "+c.flags["--message-retention-duration"]+" "+end, " ")
	}
	return c.flags["--push-endpoint"] + c.flags["--log-filter"]
}

func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}
