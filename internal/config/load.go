// Package config reads the configuration into one struct, once, from a lookup, and reports all problems together.
//
// The rest of the program does not read the environment, except the root package (K_SERVICE: whether this is Cloud
// Run), the runtime (GOMEMLIMIT), Google's clients, whose usual four variables are in the table as well, and
// OpenTelemetry's SDK, whose main variables are in the table, but not those for headers, certificates, time-outs and
// sizes of batches.
//
// Files, in reading order:
//
//	load.go    Load: a Config from the environment
//	table.go   a row for each variable: name, default, meaning, and how to read its value
//	config.go  Config and its types
//	values.go  reading values of each kind
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/ocr"
)

// Load reads every variable once. lookup is os.LookupEnv or a map's; spaces around a value are cut off, and an empty
// value counts as not set. Load also reads the memory limit of the instance from the cgroup file system.
//
// The error lists every problem, one per line, in the table's order. A line begins with the name of the variable,
// quotes the value, cut short, and says what is allowed; it never has the value of a secret. The Config is then zero.
func Load(lookup func(name string) (value string, ok bool)) (Config, error) {
	return load(lookup, memoryLimit(os.DirFS("/")))
}

// load is Load with the instance's memory in bytes; 0 if it is not limited.
func load(lookup func(string) (string, bool), memory int64) (Config, error) {
	c := Config{Memory: memory}
	settings := c.settings()
	problems := readAll(settings, lookup)
	c.derive()
	c.checkTogether(problems)
	if err := inOrder(settings, problems); err != nil {
		return Config{}, err
	}
	return c, nil
}

var ofStores = regexp.MustCompile(`^(FIRESTORE|GCE|GOOGLE|STORAGE)_`)

// LoadStores reads only the variables that locate objects and documents, for commands that read them and serve nothing.
// The rest of the Config is zero. Otherwise it is like [Load].
func LoadStores(lookup func(name string) (value string, ok bool)) (Config, error) {
	var c Config
	settings := slices.DeleteFunc(c.settings(), func(s setting) bool { return !ofStores.MatchString(s.name) })
	if err := inOrder(settings, readAll(settings, lookup)); err != nil {
		return Config{}, err
	}
	return c, nil
}

// readAll sets the fields of the settings and returns problems by variable.
func readAll(settings []setting, lookup func(string) (string, bool)) map[string]string {
	problems := make(map[string]string)
	for _, s := range settings {
		value, _ := lookup(s.name)
		if what := s.read(strings.TrimSpace(value)); what != "" {
			problems[s.name] = what
		}
	}
	return problems
}

func inOrder(settings []setting, problems map[string]string) error {
	var all []error
	for _, s := range settings {
		if what, ok := problems[s.name]; ok {
			all = append(all, errors.New(s.name+": "+what))
		}
	}
	return errors.Join(all...)
}

// derive sets the defaults that depend on other values.
func (c *Config) derive() {
	address := c.ocrAddress()
	if c.OCRAudience == "" && c.OCRURL != "" {
		c.OCRAudience = ocr.Origin(address)
	}
	if c.OCRAuth == "" {
		c.OCRAuth = OIDC
		if address.Scheme == "http" && ocr.IsLoopback(address) {
			c.OCRAuth = NoAuth
		}
	}
	switch {
	case c.MemoryBudget != 0:
	case c.Memory == 0:
		c.MemoryBudget = unknownBudget
	default:
		c.MemoryBudget = min(max(c.Memory/2, minBudget), maxBudget)
	}
}

// checkTogether adds the problems of variables that contradict each other.
func (c *Config) checkTogether(problems map[string]string) {
	// The first name gets the problem, unless one of them has a problem already and so no valid value.
	check := func(broken bool, names []string, format string, args ...any) {
		bad := func(name string) bool { return problems[name] != "" }
		if broken && !slices.ContainsFunc(names, bad) {
			problems[names[0]] = fmt.Sprintf(format, args...)
		}
	}
	unsafe := ocr.CheckTokenURL(c.ocrAddress())
	check(c.OCRAuth == OIDC && unsafe != nil, []string{"OCR_URL", "OCR_AUTH"},
		"%.100q %v; allowed also: OCR_AUTH=none", c.OCRURL, unsafe)

	// Nested times: an inner one must end before the outer one.
	work := c.ProcessTimeout - c.ProcessTimeout/document.CloseShare
	check(c.OCRTimeout >= work, []string{"OCR_TIMEOUT", "PROCESS_TIMEOUT"},
		"%s must end before 15/16 of PROCESS_TIMEOUT have passed; allowed: less than %s", inSeconds(c.OCRTimeout),
		inSeconds(work))
	left := c.ServiceTimeout - document.AdmissionTime
	check(c.ProcessTimeout >= left, []string{"PROCESS_TIMEOUT", "CLOUD_RUN_TIMEOUT_SECONDS"},
		"%s and the %s before it must end before CLOUD_RUN_TIMEOUT_SECONDS does; allowed: less than %s",
		inSeconds(c.ProcessTimeout), inSeconds(document.AdmissionTime), inSeconds(left))

	check(c.Memory != 0 && c.MemoryBudget > c.Memory, []string{"MEMORY_BUDGET"},
		"%d bytes are more than the instance has; allowed: up to %d", c.MemoryBudget, c.Memory)
}

// ocrAddress returns OCRURL parsed; an empty URL if it is not set.
func (c *Config) ocrAddress() *url.URL {
	u, err := ocr.ParseURL(c.OCRURL)
	if err != nil {
		return &url.URL{}
	}
	return u
}

// memoryLimit returns the instance's memory in bytes from its cgroup (version 2, or else 1) below root, the root of the
// file system; 0 if there is no limit.
func memoryLimit(root fs.FS) int64 {
	for _, name := range []string{"sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		raw, err := fs.ReadFile(root, name)
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
		if err == nil && n > 0 && n < 1<<50 { // version 1 expresses "no limit" as a huge number
			return n
		}
	}
	return 0
}
