package ocr_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
)

func TestEveryProblemIsReportedAtOnce(t *testing.T) {
	_, err := ocr.New(ocr.Config{
		Profile: "lightonocr-9", Mode: "fancy", Timeout: -time.Second, MaxTokens: -1, APIKey: "with blank",
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"URL: is required", "Profile:", "Mode:", "Timeout:", "MaxTokens:", "APIKey:"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%q is missing in:\n%v", name, err)
		}
	}
	if strings.Contains(err.Error(), "with blank") {
		t.Errorf("the error tells the key: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for url, want := range map[string]string{
		"":                                     "is required",
		"ocr.example":                          "must begin with",
		"ftp://ocr.example":                    "must begin with",
		"https://":                             "names no host",
		"https://:443":                         "names no host",
		"https://user:hunter2@ocr.example":     "no user",
		"https://ocr.example?x=1":              "neither",
		"https://ocr.example#x":                "neither",
		"https://user:hunter2@ocr.example:bad": "cannot be read",
	} {
		_, err := ocr.New(ocr.Config{URL: url})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, want %q", url, err, want)
		}
	}
}

func TestProfiles(t *testing.T) {
	tests := []struct {
		model, profile string
		want           string
		edge           int
		layout         bool
	}{
		{"", "", "lightonocr-2", 1540, false},
		{"lightonai/LightOnOCR-2-1B", "", "lightonocr-2", 1540, false},
		{"lightonai/LightOnOCR-2-1B-bbox-soup", "", "lightonocr-2", 1540, false},
		{"lightonai/LightOnOCR-1B-1025", "", "lightonocr-1", 1540, false},
		{"lightonai/LightOnOCR-0.9B-32k-1025", "", "lightonocr-1", 1540, false},
		{"LightOnOCR-1B-1025-Q8_0.gguf", "", "lightonocr-1", 1540, false},
		{"LightOnOCR-2.gguf", "", "lightonocr-2", 1540, false},
		{"lightonai/LightOnOCR-3-0.8B", "", "lightonocr-3-0.8b", 2048, true},
		{"lightonai/LightOnOCR-3-1B", "", "lightonocr-3-1b", 1540, true},
		{"lightonocr-3:4b", "", "lightonocr-3-4b", 2048, true},
		{"lightonai/LightOnOCR-3-14B", "", "generic", 1540, true},
		{"lightonai/LightOnOCR-4-1B", "", "generic", 1540, true},
		{"lightonai/LightOnOCR-20-1B", "", "generic", 1540, true},
		{"loocr-grounding", "", "generic", 1540, true},
		{"loocr-grounding", "lightonocr-3-4b", "lightonocr-3-4b", 2048, true},
		{"lightonai/LightOnOCR-2-1B", "generic", "generic", 1540, true},
	}
	for _, test := range tests {
		c, err := ocr.New(ocr.Config{URL: "https://ocr.example", Model: test.model, Profile: test.profile})
		if err != nil {
			t.Fatal(err)
		}
		if p := c.Profile(); p.Name != test.want || p.Edge != test.edge || p.Layout != test.layout {
			t.Errorf("model %q profile %q: %+v, want %s", test.model, test.profile, p, test.want)
		}
	}
}

func TestEveryProfileIsUsable(t *testing.T) {
	for _, name := range ocr.ProfileNames() {
		c, err := ocr.New(ocr.Config{URL: "https://ocr.example", Profile: name})
		if err != nil {
			t.Fatal(err)
		}
		p := c.Profile()
		if p.Name != name || p.Edge < 1000 || p.Temperature <= 0 || p.Temperature > 2 || p.TopP <= 0 || p.TopP > 1 {
			t.Errorf("profile %q is %+v", name, p)
		}
	}
}

func TestLayoutNeedsAModelThatHasIt(t *testing.T) {
	for model, want := range map[string]bool{
		"lightonai/LightOnOCR-1B-1025": false, "lightonai/LightOnOCR-2-1B": false, "lightonai/LightOnOCR-3-1B": true, "renamed": true,
	} {
		_, err := ocr.New(ocr.Config{URL: "https://ocr.example", Model: model, Mode: ocr.ModeLayout})
		if (err == nil) != want {
			t.Errorf("layout with %s: %v", model, err)
		}
	}
}
