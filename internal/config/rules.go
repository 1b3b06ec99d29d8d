package config

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
)

// Of MEMORY_BUDGET, in bytes.
const (
	minBudget     = 16 * mib
	maxBudget     = 64 * gib
	unknownBudget = 512 * mib // where nothing limits the instance's memory, or says so
)

// derive finds the defaults that depend on other values. memory is the instance's in bytes, 0 where it is not known.
func (c *Config) derive(memory int64) {
	c.Memory = memory
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
	case memory == 0:
		c.MemoryBudget = unknownBudget
	default:
		c.MemoryBudget = min(max(memory/2, minBudget), maxBudget)
	}
}

// rule is one that several variables must keep together. The first of them gets the blame.
type rule struct {
	of     []string
	broken bool
	what   string
}

// check adds the rule's problem, unless one of its variables has one already: its value then means nothing.
func (r rule) check(problems map[string]string) {
	for _, name := range r.of {
		if _, bad := problems[name]; bad {
			return
		}
	}
	if r.broken {
		problems[r.of[0]] = r.what
	}
}

func (c *Config) rules(memory int64) []rule {
	unsafe := ocr.CheckTokenURL(c.ocrAddress())
	return []rule{
		{[]string{"OCR_URL", "OCR_AUTH"}, c.OCRAuth == OIDC && unsafe != nil,
			fmt.Sprintf("%.100q %v; allowed also: OCR_AUTH=none", c.OCRURL, unsafe)},
		before("OCR_TIMEOUT", c.OCRTimeout, "PROCESS_TIMEOUT", c.ProcessTimeout),
		before("PROCESS_TIMEOUT", c.ProcessTimeout, "CLOUD_RUN_TIMEOUT_SECONDS", c.ServiceTimeout),
		{[]string{"MEMORY_BUDGET"}, memory != 0 && c.MemoryBudget > memory,
			fmt.Sprintf("%d bytes are more than the instance has; allowed: up to %d", c.MemoryBudget, memory)},
	}
}

// before is a link of the chain of times: what starts later must end earlier.
func before(inner string, in time.Duration, outer string, out time.Duration) rule {
	return rule{[]string{inner, outer}, in >= out,
		fmt.Sprintf("%s must end before %s does; allowed: less than %s", plain(in), outer, plain(out))}
}

// memoryLimit is the instance's memory in bytes as its cgroup has it (version 2, else 1), seen from the root of the file
// system; 0 where there is no limit.
func memoryLimit(root fs.FS) int64 {
	for _, name := range []string{"sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		raw, err := fs.ReadFile(root, name)
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
		if err == nil && n > 0 && n < 1<<50 { // version 1 has no word for "no limit" but a number of that size
			return n
		}
	}
	return 0
}
