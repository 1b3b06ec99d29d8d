package ocr

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Profile holds the parameters of a family of models. Sources: the model cards, and the model table of LightOnOCR's own
// client.
type Profile struct {
	Name string
	// Edge is the longest useful side of a page, in pixels: larger images are scaled down by the server, or were not
	// part of the training. Pages should not be enlarged to it.
	Edge int
	// Temperature and TopP are always sent, since the server's defaults would apply otherwise. Greedy decoding is not
	// recommended.
	Temperature, TopP float64
	// Context is the size of prompt and answer together, in tokens; 0 if unknown. A size stated by the server takes
	// precedence.
	Context int
	// MaxTokens limits an answer, in tokens, unless Config.MaxTokens is set. It is the limit with which the model was
	// evaluated. A table of 2,000 cells takes some 12,000 tokens in LightOnOCR-3's HTML.
	MaxTokens int
	// Layout reports whether the model may have a layout mode. It is true for unknown models.
	Layout bool
	// NoThinking sends enable_thinking false, which models based on Qwen3.5 need.
	NoThinking bool

	patch int // side of the square of pixels that becomes one token
}

// profiles lists the profiles in the order of the documentation. Generic is for unknown names: it has the smallest
// edge, sampling parameters that work with all families, and no thinking, since templates without that switch ignore
// it. Temperature and MaxTokens of the third family are taken from its README and benchmark.
var profiles = []Profile{
	{Name: "lightonocr-1", Edge: 1540, Temperature: 0.2, TopP: 0.9, Context: 8192, MaxTokens: 4096, patch: 28},
	{Name: "lightonocr-2", Edge: 1540, Temperature: 0.2, TopP: 0.9, Context: 16384, MaxTokens: 4096, patch: 28},
	{Name: "lightonocr-3-0.8b", Edge: 2048, Temperature: 0.1, TopP: 1.0, Context: 18000, MaxTokens: 12288, Layout: true,
		NoThinking: true, patch: 32},
	{Name: "lightonocr-3-1b", Edge: 1540, Temperature: 0.1, TopP: 1.0, Context: 16384, MaxTokens: 12288, Layout: true,
		patch: 28},
	{Name: "lightonocr-3-4b", Edge: 2048, Temperature: 0.1, TopP: 1.0, Context: 18000, MaxTokens: 12288, Layout: true,
		NoThinking: true, patch: 32},
	{Name: genericName, Edge: 1540, Temperature: 0.2, TopP: 0.9, MaxTokens: 4096, Layout: true, NoThinking: true,
		patch: 28},
}

// imageTokens returns the number of prompt tokens for an image, which is scaled down to the edge and cut into squares.
// An image of unknown size (0) counts as the largest.
func (p Profile) imageTokens(width, height int64) int {
	w, h := float64(p.Edge), float64(p.Edge)
	if width > 0 && height > 0 {
		scale := min(1, float64(p.Edge)/float64(max(width, height)))
		w, h = float64(width)*scale, float64(height)*scale
	}
	side := float64(p.patch)
	return int(math.Ceil(w/side) * math.Ceil(h/side))
}

const genericName = "generic"

// ProfileNames returns the valid values of Config.Profile other than the empty string.
func ProfileNames() []string {
	names := make([]string, len(profiles))
	for i, p := range profiles {
		names[i] = p.Name
	}
	return names
}

func profileByName(name string) (Profile, bool) {
	i := slices.IndexFunc(profiles, func(p Profile) bool { return p.Name == name })
	if i < 0 {
		return Profile{}, false
	}
	return profiles[i], true
}

// family finds the version in names such as lightonai/LightOnOCR-2-1B-bbox, LightOnOCR-1B-1025-Q8_0.gguf or
// lightonocr-3:4b. The first release had only its size in its name, not its version.
var family = regexp.MustCompile(`lightonocr[-_:]?(?:(0\.9b|1b|1)|(2)|3[-_:](0\.8b|1b|4b))(?:[^a-z0-9.]|\.gguf|$)`)

// ProfileOf returns the profile of a model's family, judging by its name; the generic one if the name is unknown.
func ProfileOf(model string) Profile {
	name := genericName
	if m := family.FindStringSubmatch(strings.ToLower(model)); m != nil {
		switch {
		case m[1] != "":
			name = "lightonocr-1"
		case m[2] != "":
			name = "lightonocr-2"
		default:
			name = "lightonocr-3-" + m[3]
		}
	}
	p, _ := profileByName(name)
	return p
}

const (
	listTimeout  = 10 * time.Second // a server that takes longer to list its models is not healthy
	probeMaxWait = 30 * time.Second // between probes of WaitHealthy
	maxModels    = 1 << 20          // size of the list of models, in bytes
)

// catalog tracks the server's models and the one that requests are addressed to.
type catalog struct {
	server  *server
	layout  bool    // the model must have a layout mode
	settled bool    // the profile was configured, so another model's name does not change it
	first   *target // as configured
	now     atomic.Pointer[target]
	asking  sync.Mutex // held while a goroutine adopts a model
}

// current returns the model that the next request is addressed to.
func (c *catalog) current() *target { return c.now.Load() }

// probe asks the server for its models, and returns an error if the configured one is not among them.
func (c *catalog) probe(ctx context.Context) error {
	list, err := c.server.models(ctx)
	if err != nil {
		return err
	}
	now := c.current()
	for _, m := range list {
		if string(m.Name) == now.model {
			c.now.CompareAndSwap(now, &target{now.model, now.profile, cmp.Or(int(m.Limit), now.limit)})
			return nil
		}
	}
	if serves(list, c.first.model) {
		c.now.CompareAndSwap(now, c.first)
		return nil
	}
	return &Error{Kind: KindWrongModel, Phase: PhaseRead, Status: http.StatusOK, Message: notServed(now.model, list)}
}

// adopt replaces the wanted model, which the server does not have, with the configured one or the server's only one,
// and reports whether another try makes sense. If it does not, adopt adds its findings to the refusal. The profile is
// kept unless it was chosen by name too and the new name is more specific. Concurrent calls run one after the other,
// and all but the first find the model already replaced.
func (c *catalog) adopt(ctx context.Context, wanted *target, refused *Error) bool {
	c.asking.Lock()
	defer c.asking.Unlock()
	if c.current().model != wanted.model {
		return true
	}
	list, err := c.server.models(ctx)
	switch {
	case err != nil:
		refused.Message = cleanText(refused.Message + "; asked for its models: " + err.Error())
		return false
	case serves(list, wanted.model):
		return false // the gateway has it, but the server behind the gateway does not: the refusal explains it best
	case serves(list, c.first.model): // it is back
		c.now.Store(c.first)
		return true
	case len(list) != 1:
		refused.Message = notServed(wanted.model, list)
		return false
	}
	next := &target{string(list[0].Name), wanted.profile, int(list[0].Limit)}
	if p := ProfileOf(next.model); !c.settled && p.Name != genericName {
		next.profile = p
	}
	if c.layout && !next.profile.Layout {
		refused.Message = cleanText(fmt.Sprintf("the server has only %q, which has no layout mode", next.model))
		return false
	}
	c.now.Store(next)
	return true
}

// narrow records the size of the context from a refusal, and reports whether it is smaller than assumed, so that
// another request can be made to fit. It may be called concurrently.
func (c *catalog) narrow(refused *target, size int) bool {
	if known := refused.context(); known != 0 && size >= known {
		return false
	}
	c.now.CompareAndSwap(refused, &target{refused.model, refused.profile, size})
	return true
}

// modelEntry is a model in the server's list.
type modelEntry struct {
	Name  lenientString `json:"id"`
	Limit lenientInt    `json:"max_model_len"` // its context in tokens; 0 if not stated
}

func serves(list []modelEntry, model string) bool {
	return slices.ContainsFunc(list, func(m modelEntry) bool { return string(m.Name) == model })
}

func notServed(wanted string, list []modelEntry) string {
	var names []lenientString
	for _, m := range list {
		names = append(names, m.Name)
	}
	return cleanText(fmt.Sprintf("the server has no model %q, it has %q", wanted, names))
}

// models asks the server for its models.
func (s *server) models(ctx context.Context) ([]modelEntry, error) {
	ctx, cancel := context.WithTimeout(ctx, min(listTimeout, s.cfg.Timeout))
	defer cancel()
	auth, err := s.authorize(ctx)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/v1/models", nil)
	if err != nil {
		return nil, err
	}
	auth.apply(req.Header)
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, readRefusal(resp, auth)
	}
	var list struct{ Data []modelEntry }
	err = json.NewDecoder(io.LimitReader(resp.Body, maxModels)).Decode(&list)
	return slices.DeleteFunc(list.Data, func(m modelEntry) bool { return m.Name == "" }), err
}
