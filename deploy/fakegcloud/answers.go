package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// read prints the answer to a reading command, in the format of its --format, and returns the exit code.
func (s *state) read(c command) int {
	if c.has("get-iam-policy") {
		s.each(c.policy("get-iam-policy"), func(binding, _ string) { fmt.Println(binding) })
		if c.is("projects") {
			s.each("agent ", func(api, _ string) {
				fmt.Printf("roles/%[1]s.serviceAgent serviceAccount:service-123456789012@gcp-sa-%[1]s.iam.gserviceaccount.com\n",
					api)
			})
		}
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

// describe returns a handler that prints text for an existing resource, and fails with NOT_FOUND otherwise.
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

func itsName(name, _ string) string { return name }
func itsMark(_, mark string) string { return mark }

func web(name string) string { return "https://" + name + "-1.example.run.app" }

var answers = []struct {
	command string
	print   func(*state, command) int
}{
	{"services list", func(s *state, _ command) int {
		if _, ok := s.things["services"]; ok {
			for _, api := range []string{"artifactregistry", "cloudbuild", "cloudresourcemanager", "cloudscheduler",
				"eventarc",
				"firestore", "iam", "iamcredentials", "logging", "monitoring", "pubsub", "run", "secretmanager",
				"storage"} {
				fmt.Println(api + ".googleapis.com")
			}
		}
		return 0
	}},
	{"projects describe", always("123456789012")},
	{"billing projects describe", always("True")},
	{"auth print-access-token", always("fake-token")},
	{"version", always("Google Cloud SDK " + cmp(os.Getenv("FAKE_VERSION"), "528.0.0"))},
	{"beta quotas info describe", func(_ *state, c command) int {
		if c.flags["--help"] == "" && os.Getenv("FAKE_QUOTA") == "" {
			return 0
		}
		for _, q := range strings.Fields(os.Getenv("FAKE_QUOTA")) { // ID=REGION:VALUE
			if id, value, _ := strings.Cut(q, "="); id == c.last() {
				fmt.Println(strings.Replace(value, ":", " ", 1))
			}
		}
		return 0
	}},
	{"run regions list", always("europe-west1\neurope-west4")},
	{"scheduler locations list", always("europe-west1\neurope-west4")},
	{"firestore locations list", always("europe-west1\neurope-west4")},
	{"eventarc locations list", always("europe-west1\neurope-west4\nus")},
	{"storage service-agent", always("service-123456789012@gs-project-accounts.iam.gserviceaccount.com")},
	{"storage objects describe", func(s *state, _ command) int {
		fmt.Println(len(lines(s.file + ".uploads")))
		return 0
	}},
	{"meta list-files-for-upload", always("LICENSE")},
	{"iam service-accounts list", func(s *state, _ command) int {
		s.each("iam service-accounts ", func(name, _ string) {
			if !on("late-lists") || s.age("iam service-accounts "+name) > 60 {
				fmt.Println(name + "@my-project.iam.gserviceaccount.com")
			}
		})
		return 0
	}},
	{"iam service-accounts describe", func(s *state, c command) int {
		name, _, _ := strings.Cut(c.last(), "@")
		if _, there := s.things["iam service-accounts "+name]; !there {
			fail("NOT_FOUND: Unknown service account")
		}
		fmt.Println(c.last())
		return 0
	}},
	{"storage buckets describe", func(s *state, c command) int {
		if on("foreign-bucket") {
			fail("HTTPError 403: you@example.com does not have storage.buckets.get access to the Google Cloud Storage bucket.")
		}
		return describe("storage buckets", func(_, mark string) string { return strings.ToUpper(mark) })(s, c)
	}},
	{"firestore databases describe",
		describe("firestore databases", func(_, mark string) string { return cmp(mark, "FIRESTORE_NATIVE") })},
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
	{"artifacts repositories describe", func(s *state, c command) int {
		return describe("artifacts repositories", func(name, mark string) string {
			format, made := "DOCKER", mark
			if f, other, ok := strings.Cut(mark, ":"); ok { // a repository created by another team
				format, made = f, other
			}
			if c.flags["--format"] == "value(labels.bucketocr_made)" {
				return made
			}
			if !strings.Contains(c.flags["--format"], "(format,") {
				return cmp(s.things["recorded "+name], ",")
			}
			return format + "," + made + "," + cmp(s.things["recorded "+name], ",")
		})(s, c)
	}},
	{"artifacts repositories list-cleanup-policies", list("cleanup ", itsName)},
	{"artifacts packages describe", func(s *state, _ command) int {
		if _, ok := s.things["image"]; !ok {
			fail("NOT_FOUND: package ocr")
		}
		fmt.Println("ocr")
		return 0
	}},
	{"artifacts packages list", func(s *state, _ command) int {
		s.each("package ", func(name, _ string) { fmt.Println(name) })
		if _, ok := s.things["image"]; ok {
			fmt.Println("ocr")
		}
		return 0
	}},
	{"artifacts tags list", func(s *state, _ command) int {
		mark, ok := s.things["image"]
		if !ok {
			fail("NOT_FOUND: package ocr")
		}
		fmt.Println(mark)
		return 0
	}},
	{"builds list", func(_ *state, c command) int {
		if c.flags["--filter"] == "serviceAccount~/bucketocr-builder@ AND status!=SUCCESS" &&
			strings.HasPrefix(c.flags["--region"], "europe-") {
			fmt.Println(build)
		}
		return 0
	}},
	{"builds describe", func(_ *state, c command) int {
		if c.last() != build || !strings.HasPrefix(c.flags["--region"], "europe-") {
			fail("NOT_FOUND: build " + c.last())
		}
		fmt.Println("FAILURE\tfailed to fetch the source\tFETCH_SOURCE_FAILED\tbucketocr-builder does not have storage.objects.get access")
		return 0
	}},
	{"logging read", always("ERROR: failed: could not fetch the source\nFETCHSOURCE")},
	{"run services list", func(s *state, c command) int {
		if c.flags["--filter"] == "metadata.name=bucketocr-gpu" {
			s.each("run services bucketocr-gpu", func(string, string) { fmt.Println(web("bucketocr-gpu")) })
			return 0
		}
		s.each("run services ", func(name, mark string) {
			for _, variable := range strings.Split(environment(mark), "##") {
				fmt.Println(name, strings.Replace(variable, "=", " ", 1))
			}
		})
		return 0
	}},
	{"run services describe", func(s *state, c command) int {
		switch format := c.flags["--format"]; {
		case strings.Contains(format, "status.traffic"):
			fmt.Println("100 True")
		case strings.Contains(format, "status.url"):
			return describe("run services", func(name, _ string) string { return web(name) })(s, c)
		case strings.Contains(format, "containerConcurrency"):
			return describe("run services", func(_, mark string) string { return strings.Split(mark, "|")[1] })(s, c)
		case strings.Contains(format, "minScale"):
			return describe("run services", func(_, mark string) string {
				return strings.Fields(strings.Split(mark, "|")[1])[3]
			})(s, c)
		case strings.Contains(format, "containers.env"):
			return describe("run services", func(_, mark string) string {
				return strings.ReplaceAll(environment(mark), "##", "\n")
			})(s, c)
		default:
			return describe("run services", func(name, mark string) string {
				mark, _, _ = strings.Cut(mark, "|")
				return mark + "," + name + "-1," + name + "-1"
			})(s, c)
		}
		return 0
	}},
	{"eventarc triggers list", func(s *state, c command) int {
		s.each("eventarc triggers ", func(name, mark string) {
			f := strings.Fields(mark) // bucket, input, location
			if asked := c.flags["--location"]; asked != "-" && asked != f[2] {
				return
			}
			switch format := c.flags["--format"]; {
			case strings.Contains(format, "name.segment(3)"):
				fmt.Println(f[2], name, f[1])
			case strings.HasSuffix(format, "(name.basename(),labels.bucketocr_bucket)"):
				fmt.Println(name, f[0])
			default:
				fmt.Println(name, f[0], f[1])
			}
		})
		return 0
	}},
	{"eventarc triggers describe", func(s *state, c command) int {
		return describe("eventarc triggers", func(name, _ string) string {
			if on("late-subscription") && s.age("eventarc triggers "+name) < 30 {
				return ""
			}
			return "projects/my-project/subscriptions/eventarc-" + name
		})(s, c)
	}},
	{"pubsub topics describe", describe("pubsub topics", itsName)},
	{"pubsub subscriptions describe", func(s *state, c command) int {
		if strings.Contains(c.flags["--format"], "ackDeadlineSeconds") {
			if on("stubborn") {
				fmt.Println("10 86400s 2678400s")
			} else if mark, ok := s.things["times "+c.last()]; ok {
				fmt.Println(mark)
			} else if _, ours := s.things["pubsub subscriptions "+c.last()]; ours {
				fmt.Println("600 604800s")
			} else {
				fmt.Println("10 86400s 2678400s") // as Eventarc makes it
			}
			return 0
		}
		return describe("pubsub subscriptions", func(string, string) string { return web("bucketocr") })(s, c)
	}},
	{"scheduler jobs describe", describe("scheduler jobs", itsMark)},
	{"logging metrics describe", describe("logging metrics", itsMark)},
	{"monitoring dashboards describe", describe("dashboard", itsMark)},
	{"secrets describe", describe("secrets", itsName)},
	{"alpha monitoring policies list", func(s *state, c command) int {
		if _, help := c.flags["--help"]; help {
			return 0
		}
		s.each("alert ", func(name, mark string) {
			id := "projects/my-project/alertPolicies/" + filepath.Base(name)
			if c.flags["--format"] == "value(name)" {
				fmt.Println(id)
				return
			}
			fmt.Println(id + " " + name + " " + mark)
		})
		return 0
	}},
}

// environment returns the variables of a service, from its mark.
func environment(mark string) string { return strings.Split(mark, "|")[2] }

func cmp(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
