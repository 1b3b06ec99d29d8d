package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func planRun(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(context.Background(), system{stdout: &out, stderr: &errs, lookup: os.LookupEnv},
		append([]string{"plan"}, args...))
	return code, out.String(), errs.String()
}

func TestPlan(t *testing.T) {
	figures := "--figures=" + filepath.Join("..", "..", "deploy", "figures.json")
	for _, c := range []struct {
		args string
		code int
		want []string
	}{
		{"--gpu nvidia-h100 --burst 1000000", 0, []string{
			"GPU_MAX_INSTANCES=3 GPU_MAX_NUM_SEQS=32 FUNCTION_MAX_INSTANCES=12 FUNCTION_CONCURRENCY=8",
			"a claim, not measured here", "burst    read after 16.",
			"document writes                 2,000   price firestoreWrites is not filled in"}},
		{"--gpu nvidia-h100 --burst 1000000 --max-gpus 1", 1,
			[]string{"The load cannot be handled: the burst takes longer than Pub/Sub keeps an event"}},
		{"--pages-per-second 1.5 --pages-per-hour 10000", 0,
			[]string{"nvidia-l4 reads 1.5 pages/s (as given)", "steady   62 %"}},
		{"--pages-per-second 1.5 --pages-per-hour 10", 0,
			[]string{"longest  5.63 average pages in 120.0 s: OCR_MAX_TOKENS (4,096) is read in time if an average page has 729 tokens"}},
		{"--pages-per-second 1.5 --pages-per-hour 10 --page-tokens 800", 0,
			[]string{"longest  109.2 s of the GPU at full load for 4,096 tokens (OCR_MAX_TOKENS)"}},
		{"--pages-per-second 1.5 --pages-per-hour 10 --page-tokens 800 --model lightonai/LightOnOCR-3-1B", 0, []string{
			"longest  a page of 12,288 tokens takes 5 min at full load and ends as ocr_timeout after 120.0 s",
			"raise OCR_TIMEOUT\n         (with ./deploy.sh all), or lower OCR_MAX_TOKENS below 4,500"}},
		{"--pages-per-second 1.5 --pages-per-hour 10 --page-tokens 800 --max-tokens 1600", 0,
			[]string{"longest  42.7 s of the GPU at full load for 1,600 tokens"}},
		{"--pages-per-hour 10000", 2,
			[]string{"the speed of nvidia-l4 with lightonai/LightOnOCR-2-1B is unknown: measure it"}},
		{"--pages-per-second 1.5", 2, []string{"give a load"}},
		{"--burst 1 --pages-per-second NaN", 2, []string{"out of range"}},
		{"--burst 1 --pages-per-object 0", 2, []string{"out of range"}},
		{"--burst 1 --page-tokens -1", 2, []string{"out of range"}},
		{"--burst 1 now", 2, []string{`unknown argument "now"`}},
		{"--figures nowhere.json --burst 1", 2, []string{"nowhere.json"}},
		{"--help", 0, []string{"Usage: bucketocr plan", "Example: ", "Exit codes: "}},
	} {
		t.Run(c.args, func(t *testing.T) {
			args := strings.Fields(c.args)
			if !strings.Contains(c.args, "--figures") {
				args = append([]string{figures}, args...)
			}
			code, stdout, stderr := planRun(args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			for _, want := range c.want {
				if !strings.Contains(stdout+stderr, want) {
					t.Errorf("it does not say %q:\n%s%s", want, stdout, stderr)
				}
			}
		})
	}
}

// TestDocumentedPlan: the example in docs/capacity.md prints what the page shows, and its sums are right.
func TestDocumentedPlan(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/capacity.md")
	if err != nil {
		t.Fatal(err)
	}
	const prices = "docs/example-prices.json"
	_, example, _ := strings.Cut(string(page), "\ngo run ./cmd/bucketocr plan --figures "+prices)
	flags, shown, _ := strings.Cut(example, "\n```\n\n```\n")
	shown, text, _ := strings.Cut(shown, "```\n")
	for _, c := range []struct{ flags, want string }{
		{flags, shown},
		{strings.ReplaceAll(flags, "--burst 10000", "--pages-per-hour 1000"), "  1.806 USD\n"}, // as the text says
	} {
		args := append([]string{"--figures", "../../" + prices}, strings.Fields(c.flags)...)
		code, stdout, stderr := planRun(args...)
		stdout = strings.ReplaceAll(stdout, "../../"+prices, prices)
		if code != exitGood || c.want == "" || !strings.Contains(stdout, c.want) {
			t.Errorf("%s: exit %d\n%s%s\nwant\n%s", c.flags, code, stdout, stderr, c.want)
		}
	}
	for _, said := range []string{"10,000 pages at once cost 3.54 USD", "1.81 USD for 1,000\npages"} {
		if !strings.Contains(text, said) {
			t.Errorf("the page does not say %q", said)
		}
	}
}

func TestPlanJSON(t *testing.T) {
	code, stdout, stderr := planRun("--json", "--pages-per-second", "2", "--pages-per-hour", "3600")
	var r struct {
		Plan struct {
			Holds bool
			Setup struct{ GPUMaxInstances int }
		}
		Costs []struct {
			Name     string
			Quantity float64
			Money    *float64
		}
	}
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || code != 0 {
		t.Fatalf("%d, %v: %s%s", code, err, stdout, stderr)
	}
	if !r.Plan.Holds || r.Plan.Setup.GPUMaxInstances != 1 || len(r.Costs) != 7 || r.Costs[3].Quantity != 2000 ||
		r.Costs[3].Money != nil {
		t.Errorf("%s", stdout)
	}
}

// TestBuiltInFigures: the copy that the program is built with is that of the deploy (go generate makes it).
func TestBuiltInFigures(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile(filepath.Join("..", "..", "deploy", "figures.json"))
	if err != nil || !bytes.Equal(file, builtInFigures) {
		t.Errorf("deploy/figures.json is another (go generate ./cmd/bucketocr): %v", err)
	}
}
