package ocr

import (
	"regexp"
	"slices"
	"strings"
)

// Profile is what one family of models wants. Sources: the model cards, and the model table of LightOnOCR's own client.
type Profile struct {
	Name string
	// Edge is the longest side, in pixels, that is worth sending: more is shrunk by the server, or was not trained on. Pages
	// are never enlarged to it.
	Edge int
	// Temperature and TopP are always sent: left out, the server's defaults would apply. Greedy decoding is advised against.
	Temperature, TopP float64
	// Context is prompt and answer together, in tokens; 0 if unknown. What the server itself states goes before it.
	Context int
	// Layout says whether the model may have a layout mode; true for unknown models.
	Layout bool
	// NoThinking sends enable_thinking false, which the Qwen3.5 based models need.
	NoThinking bool
}

// profiles in the order of the documentation. Generic stands for a name that says nothing: the smallest edge, the sampling that all
// families work with.
var profiles = []Profile{
	{Name: "lightonocr-1", Edge: 1540, Temperature: 0.2, TopP: 0.9, Context: 8192},
	{Name: "lightonocr-2", Edge: 1540, Temperature: 0.2, TopP: 0.9, Context: 16384},
	{Name: "lightonocr-3-0.8b", Edge: 2048, Temperature: 0.2, TopP: 1.0, Context: 18000, Layout: true, NoThinking: true},
	{Name: "lightonocr-3-1b", Edge: 1540, Temperature: 0.2, TopP: 1.0, Context: 16384, Layout: true},
	{Name: "lightonocr-3-4b", Edge: 2048, Temperature: 0.2, TopP: 1.0, Context: 18000, Layout: true, NoThinking: true},
	{Name: genericName, Edge: 1540, Temperature: 0.2, TopP: 0.9, Layout: true},
}

const genericName = "generic"

// ProfileNames lists what Config.Profile takes besides the empty string.
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

// family finds the version in names such as lightonai/LightOnOCR-2-1B-bbox, LightOnOCR-1B-1025-Q8_0.gguf or lightonocr-3:4b.
// The first release had no version in its name, only its size.
var family = regexp.MustCompile(`lightonocr[-_:]?(?:(0\.9b|1b|1)|(2)|3[-_:](0\.8b|1b|4b))(?:[^a-z0-9.]|\.gguf|$)`)

// profileByModel guesses the profile from a model's name; generic if the name says nothing.
func profileByModel(model string) Profile {
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
