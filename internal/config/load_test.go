package config

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

func TestOCRURL(t *testing.T) {
	for _, tt := range []struct{ value, base, audience string }{
		{"https://ocr.example", "https://ocr.example", "https://ocr.example"},
		{"HTTPS://OCR.example/v1/", "https://ocr.example", "https://ocr.example"},
		{"https://ocr.example:443/v1", "https://ocr.example:443", "https://ocr.example"},
		{"https://ocr.example/a%2Fb/v10", "https://ocr.example/a%2Fb/v10", "https://ocr.example"},
		{"http://127.0.0.1:80", "http://127.0.0.1:80", "http://127.0.0.1"},
	} {
		c, err := load(from("OCR_URL", tt.value), 0)
		if err != nil || c.OCRURL != tt.base || c.OCRAudience != tt.audience {
			t.Errorf("%s: %q, %q, %v", tt.value, c.OCRURL, c.OCRAudience, err)
		}
	}
}

// The rules are the client's; this package decides how much of a value is shown.
func TestOCRURLInvalid(t *testing.T) {
	for value, want := range map[string]string{
		"ocr.example": "must begin with", "https://:443": "must name a host",
		"https://ocr.example:0": "must have a port",
		"https://a b":           "must be a URL", "https://ocr.example/v1/chat/completions": "must be the base URL",
		"https://key:hush@ocr.example": "must hold no user", "https://hush@ocr.example": "must hold no user",
		"https://ocr.example?key=hush": "must hold no query", "https://ocr.example/#hush": "must hold no query",
		"key:hush@ocr.example": "must begin with", "https://ocr.example:x?key=hush": "must be a URL",
	} {
		got := problemsOf(t, 0, "OCR_URL", value)
		if len(got) != 1 || !strings.HasPrefix(got[0], "OCR_URL: ") || !strings.Contains(got[0], want) {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
		if strings.Contains(got[0], "hush") {
			t.Errorf("%s: shows a password: %s", value, got[0])
		}
		if !strings.Contains(value, "hush") && !strings.Contains(got[0], quoted(value)) {
			t.Errorf("%s: does not show it: %s", value, got[0])
		}
	}
}

func TestOCRAuth(t *testing.T) {
	for _, tt := range []struct {
		url, auth string
		want      Auth // empty: refused
	}{
		{"https://ocr.example", "", OIDC},
		{"https://ocr.example", "none", NoAuth},
		{"https://localhost:8443", "", OIDC},
		{"http://localhost:8000", "", NoAuth},
		{"http://LOCALHOST", "", NoAuth},
		{"http://127.0.0.1:8000", "", NoAuth},
		{"http://127.9.9.9", "", NoAuth},
		{"http://[::1]:8000", "", NoAuth},
		{"http://[::ffff:127.0.0.1]:8000", "", NoAuth},
		{"http://127.0.0.1:8000", "oidc", OIDC},
		{"http://10.0.0.5:8000", "none", NoAuth},
		{"http://10.0.0.5:8000", "", ""},
		{"http://10.0.0.5:8000", "oidc", ""},
		{"http://ocr.example", "", ""},
		{"http://localhost.example", "", ""},
		{"http://127.0.0.1.example", "", ""},
		{"http://0.0.0.0:8000", "", ""},
	} {
		if tt.want == "" {
			got := problemsOf(t, 0, "OCR_URL", tt.url, "OCR_AUTH", tt.auth)
			if len(got) != 1 || !strings.HasPrefix(got[0],
				"OCR_URL: "+quoted(tt.url)+" must be https, or http to this machine, to carry an ID token") {
				t.Errorf("%s %s: %q", tt.url, tt.auth, got)
			}
			continue
		}
		if c, err := load(from("OCR_URL", tt.url, "OCR_AUTH", tt.auth), 0); err != nil || c.OCRAuth != tt.want {
			t.Errorf("%s %s: %q, %v", tt.url, tt.auth, c.OCRAuth, err)
		}
	}
}

func TestChainOfTimes(t *testing.T) {
	for _, tt := range []struct{ try, process, service, want string }{
		{"", "", "", ""},
		{"449.9s", "480s", "526", ""},
		{"480s", "", "", "OCR_TIMEOUT: 480s must end before 15/16 of PROCESS_TIMEOUT have passed; allowed: less than 450s"},
		{"450s", "", "", "OCR_TIMEOUT: 450s must end before 15/16 of PROCESS_TIMEOUT have passed; allowed: less than 450s"},
		{"", "90s", "", "OCR_TIMEOUT: 120s must end before 15/16 of PROCESS_TIMEOUT have passed; allowed: less than 84.375s"},
		{
			"", "495s", "", "PROCESS_TIMEOUT: 495s and the 45s before it must end before CLOUD_RUN_TIMEOUT_SECONDS does; allowed: less than 495s"},
		{"", "494.9s", "", ""},
		{
			"", "", "525", "PROCESS_TIMEOUT: 480s and the 45s before it must end before CLOUD_RUN_TIMEOUT_SECONDS does; allowed: less than 480s"},
		{"0.9s", "1s", "47", ""},
		{"518s", "553s", "599", ""},
		// Two violations: both are reported. One invalid value: only that is.
		{"1m30.5s", "90s", "90", "OCR_TIMEOUT: 90.5s must end before 15/16 of PROCESS_TIMEOUT have passed; allowed: less than 84.375s\n" +
			"PROCESS_TIMEOUT: 90s and the 45s before it must end before CLOUD_RUN_TIMEOUT_SECONDS does; allowed: less than 45s"},
		{"500s", "x", "", `PROCESS_TIMEOUT: "x" is not a duration with a unit; allowed: ` +
			limitOf(t, "PROCESS_TIMEOUT")},
		{"", "500s", "x", `CLOUD_RUN_TIMEOUT_SECONDS: "x" is not a whole number; allowed: whole number, 47 to 599`},
	} {
		_, err := load(from("OCR_TIMEOUT", tt.try, "PROCESS_TIMEOUT", tt.process, "CLOUD_RUN_TIMEOUT_SECONDS",
			tt.service), 0)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s < %s < %s:\ngot  %s\nwant %s", tt.try, tt.process, tt.service, got, tt.want)
		}
	}
}

func TestMemoryBudget(t *testing.T) {
	for _, tt := range []struct {
		value  string
		memory int64
		want   int64
	}{
		{"", 0, 512 << 20},
		{"", 1 << 30, 512 << 20},
		{"", 256 << 20, 128 << 20},
		{"", 20 << 20, 16 << 20},
		{"", 512 << 30, 64 << 30},
		{"700MiB", 1 << 30, 700 << 20},
		{"1GiB", 1 << 30, 1 << 30},
		{"2GiB", 0, 2 << 30},
	} {
		if c, err := load(from("MEMORY_BUDGET", tt.value), tt.memory); err != nil || c.MemoryBudget != tt.want {
			t.Errorf("%q of %d: %d, %v; want %d", tt.value, tt.memory, c.MemoryBudget, err, tt.want)
		}
	}
	got := problemsOf(t, 1<<30, "MEMORY_BUDGET", "1025MiB")
	if want := "MEMORY_BUDGET: 1074790400 bytes are more than the instance has; allowed: up to 1073741824"; got[0] != want {
		t.Errorf("got  %s\nwant %s", got[0], want)
	}
}

func TestMemoryLimit(t *testing.T) {
	const v2, v1 = "sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"
	for name, tt := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"none":               {nil, 0},
		"version 2":          {map[string]string{v2: "1073741824\n"}, 1 << 30},
		"version 2, no end":  {map[string]string{v2: "max\n"}, 0},
		"version 1":          {map[string]string{v1: "536870912\n"}, 512 << 20},
		"version 1, no end":  {map[string]string{v1: "9223372036854771712\n"}, 0},
		"both":               {map[string]string{v2: "1073741824\n", v1: "536870912\n"}, 1 << 30},
		"both, one no limit": {map[string]string{v2: "max\n", v1: "536870912\n"}, 512 << 20},
		"broken":             {map[string]string{v2: "", v1: "x"}, 0},
		"a pebibyte":         {map[string]string{v2: "1125899906842624\n"}, 0},
		"zero":               {map[string]string{v2: "0\n"}, 0},
		"negative":           {map[string]string{v1: "-1\n"}, 0},
	} {
		root := fstest.MapFS{}
		for path, content := range tt.files {
			root[path] = &fstest.MapFile{Data: []byte(content)}
		}
		if got := memoryLimit(root); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

// FuzzQuantity: no panic, no overflow, and an accepted value written as bytes parses to the same.
func FuzzQuantity(f *testing.F) {
	f.Add("64 MiB")
	f.Add("9223372036854775807GiB")
	q := quantity{factors: map[string]int64{"": 1, "b": 1, "mib": 1 << 20, "gib": 1 << 30}}
	f.Fuzz(func(t *testing.T, value string) {
		n, err := q.parse(value)
		if n < 0 || err != nil && n != 0 {
			t.Fatalf("%q: %d, %v", value, n, err)
		}
		if back, _ := q.parse(fmt.Sprint(n, " b")); back != n {
			t.Fatalf("%q: %d, back %d", value, n, back)
		}
	})
}
