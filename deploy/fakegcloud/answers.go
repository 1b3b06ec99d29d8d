package main

import (
	"fmt"
	"slices"
	"strings"
)

// read prints what deploy.sh asks for, in the form that its --format wants, and gives the exit code.
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
		if c.flags["--format"] == "value(ackDeadlineSeconds)" {
			if mark, ok := s.things["ack "+c.last()]; ok {
				fmt.Println(mark)
			} else {
				fmt.Println(10)
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
