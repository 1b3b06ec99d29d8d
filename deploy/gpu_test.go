package deploytest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile("../" + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestGPUFlags: deploy/gpu/README.md lists exactly the flags of vLLM and the variables of the image, each with its
// source.
func TestGPUFlags(t *testing.T) {
	_, table, ok := strings.Cut(read(t, "deploy/gpu/README.md"), "| flag or variable | source |")
	if !ok {
		t.Fatal("deploy/gpu/README.md has no table of flags")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	var listed []string
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || strings.HasPrefix(cells[1], "-") {
			continue
		}
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
			listed = append(listed, m[1])
		}
		if strings.TrimSpace(cells[2]) == "" {
			t.Errorf("no source: %s", line)
		}
	}
	used := regexp.MustCompile(`--[a-z][a-z-]+`).FindAllString(read(t, "deploy/gpu/serve.sh"), -1)
	_, env, _ := strings.Cut(read(t, "deploy/gpu/Dockerfile"), "\nENV ")
	env, _, _ = strings.Cut(env, "\nEXPOSE")
	for _, m := range regexp.MustCompile(`([A-Z_]+)=`).FindAllStringSubmatch(env, -1) {
		used = append(used, m[1])
	}
	slices.Sort(used)
	slices.Sort(listed)
	if used = slices.Compact(used); !slices.Equal(used, listed) {
		t.Errorf("used   %v\nlisted %v", used, listed)
	}
}

// TestGPUOutlastsThePage: Cloud Run's time-out of the OCR service is OCR_TIMEOUT and 10 s, whether that is set or the
// function's default; a server of one's own is not ours to time.
func TestGPUOutlastsThePage(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	for set, want := range map[string]time.Duration{
		"OCR_TIMEOUT=":      ocr.DefaultTimeout + 10*time.Second,
		"OCR_TIMEOUT=300s":  310 * time.Second,
		"OCR_TIMEOUT=5m":    310 * time.Second,
		"OCR_TIMEOUT=1m08s": 78 * time.Second,
		"GPU_TIMEOUT=3600":  3600 * time.Second,
	} {
		out := dryRun(t, []string{set}, "gpu")
		flag := fmt.Sprintf(" --timeout=%.0f ", want.Seconds())
		if out.code != 0 || !strings.Contains(out.stdout, flag) {
			t.Errorf("%s: exit %d, no%sin %s%s", set, out.code, flag, out.stdout, out.stderr)
		}
	}
	if out := dryRun(t, []string{"OCR_URL=https://ocr.example.com", "GPU_TIMEOUT=60"}, "all"); out.code != 0 {
		t.Errorf("a server of one's own: exit %d: %s", out.code, out.stderr)
	}
}

// TestTokenOfHuggingFace: the build writes the named secret to its file, which is empty if none is named.
func TestTokenOfHuggingFace(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	bin, file := t.TempDir(), filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(bin+"/gcloud", []byte("#!/bin/sh\necho \"$*\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for secret, want := range map[string]string{"hf:3": "secrets versions access 3 --secret=hf --project=p\n", "": ""} {
		out := run(t, []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "SECRET=" + secret, "PROJECT=p"}, "bash",
			"deploy/gpu/token.sh", file)
		if got, err := os.ReadFile(file); out.code != 0 || err != nil || string(got) != want || out.stdout != "" {
			t.Errorf("%q: exit %d, %v, wrote %q", secret, out.code, err, got)
		}
	}
	out := dryRun(t, []string{"HF_TOKEN_SECRET=hf:3"}, "gpu")
	if !strings.Contains(out.stdout, "_HF_TOKEN_SECRET=hf:3") ||
		!strings.Contains(out.stdout, "gcloud secrets add-iam-policy-binding hf ") {
		t.Errorf("the build is not given the secret: %s", out.stdout)
	}
}

// TestServe: each model of the family gets its flags, and another model none.
func TestServe(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	bin := t.TempDir()
	if err := os.WriteFile(bin+"/vllm", []byte("#!/bin/sh\nfor a; do printf '%s|' \"$a\"; done\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	driver := filepath.Join(bin, "version")
	if err := os.WriteFile(driver, []byte(driver580), 0o600); err != nil {
		t.Fatal(err)
	}
	const common = `--limit-mm-per-prompt|{"image": 1}|--mm-processor-cache-gb|0|--no-enable-prefix-caching|--max-num-seqs|7|--shutdown-timeout|8|`
	for model, more := range map[string]string{
		"lightonai/LightOnOCR-2-1B":          "--max-model-len|16384|",
		"lightonai/LightOnOCR-2-1B-bbox":     "--max-model-len|16384|",
		"lightonai/LightOnOCR-1B-1025":       "",
		"lightonai/LightOnOCR-0.9B-32k-1025": "",
		"lightonai/LightOnOCR-3-1B":          "--max-model-len|16384|",
		"lightonai/LightOnOCR-3-0.8B":        `--max-model-len|18000|--default-chat-template-kwargs|{"enable_thinking": false}|`,
		"lightonai/LightOnOCR-3-4B":          `--max-model-len|18000|--default-chat-template-kwargs|{"enable_thinking": false}|`,
	} {
		out := run(t, []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "MODEL=" + model, "MAX_NUM_SEQS=7",
			"DRIVER_VERSION=" + driver}, "bash", "deploy/gpu/serve.sh", "--more")
		if want := "serve|/model|--served-model-name|" + model + "|" + common + more + "--more|"; out.code != 0 ||
			out.stdout != want {
			t.Errorf("%s: exit %d\n%s\nwant\n%s", model, out.code, out.stdout, want)
		}
	}
	if out := run(t, []string{"MODEL=meta/llama"}, "bash", "deploy/gpu/serve.sh"); out.code != 2 || out.stdout != "" {
		t.Errorf("another model: exit %d %s", out.code, out.stdout)
	}
}

const driver580 = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  Tue Sep 23 10:11:16 UTC 2025\nGCC version:  gcc version 12\n"

// TestServeTakesTheLibrariesThatFitTheDriver: the host's before those of the image if the driver is new enough for its
// CUDA, the image's compatibility libraries if it is older; the log says which, and without a driver the script ends at
// once.
func TestServeTakesTheLibrariesThatFitTheDriver(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	bin := t.TempDir()
	for name, text := range map[string]string{
		"vllm": "#!/bin/sh\necho \"$LD_LIBRARY_PATH|$VLLM_ENABLE_CUDA_COMPATIBILITY\"\n",
		"580":  driver580, "590": strings.Replace(driver580, "580.95.05", "590.44.01", 1),
		"535":  strings.Replace(driver580, "580.95.05", "535.216.03", 1),
		"none": "",
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	const host = "/usr/local/nvidia/lib64:/usr/local/nvidia/lib:/image"
	for _, tt := range []struct {
		driver, want, log string
		code              int
	}{
		{"580", host + "|\n", "NVIDIA driver 580.95.05: the host's CUDA libraries first", 0},
		{"590", host + "|\n", "NVIDIA driver 590.44.01: the host's", 0},
		{"535", "/image|1\n", "NVIDIA driver 535.216.03, older than 580: the image's compatibility libraries", 0},
		{"none", "", "no NVIDIA driver was found", 3},
	} {
		out := run(t, []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "MODEL=lightonai/LightOnOCR-2-1B",
			"LD_LIBRARY_PATH=/image",
			"DRIVER_VERSION=" + filepath.Join(bin, tt.driver)}, "bash", "deploy/gpu/serve.sh")
		if out.code != tt.code || out.stdout != tt.want || !strings.Contains(out.stderr, tt.log) {
			t.Errorf("%s: exit %d %q, log %q", tt.driver, out.code, out.stdout, out.stderr)
		}
	}
}

// TestFetch: a build without a fixed commit of the weights stops at once; a download gets three tries; the image
// reports nothing.
func TestFetch(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	for _, revision := range []string{"", "main", "b9a2b4c1"} {
		if out := run(t, nil, "bash", "deploy/gpu/fetch.sh", "weights", "lightonai/LightOnOCR-2-1B", revision,
			"/nowhere"); out.code != 2 {
			t.Errorf("revision %q: exit %d", revision, out.code)
		}
	}
	bin, file := t.TempDir(), filepath.Join(t.TempDir(), "tries")
	if err := os.WriteFile(bin+"/python3",
		[]byte("#!/bin/sh\nn=$(cat "+file+" 2>/dev/null)\nprintf x >>"+file+"\n[ \"$n\" = xx ]\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if out := run(t, []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "RETRY_PAUSE=0"}, "bash", "deploy/gpu/fetch.sh",
		"weights", "m",
		strings.Repeat("a", 40), t.TempDir()); out.code != 0 {
		t.Errorf("a download that fails twice: exit %d: %s", out.code, out.stderr)
	}
	dockerfile := read(t, "deploy/gpu/Dockerfile")
	for _, quiet := range []string{"VLLM_NO_USAGE_STATS=1", "DO_NOT_TRACK=1", "HF_HUB_OFFLINE=1"} {
		if !strings.Contains(dockerfile, quiet) {
			t.Errorf("the image is not told %s", quiet)
		}
	}
	for _, arg := range []string{"VLLM_DIGEST", "MODEL_REVISION"} {
		if !regexp.MustCompile(`(?m)^ARG `+arg+`$`).MatchString(dockerfile) ||
			strings.Contains(dockerfile, "ARG "+arg+"=") {
			t.Errorf("%s is no required build argument", arg)
		}
	}
	if n := strings.Count(dockerfile, "FROM vllm/vllm-openai:v0.30.0@${VLLM_DIGEST}"); n != 2 {
		t.Errorf("%d stages of the pinned vLLM", n)
	}
}

// TestFetchTakesWhatWasTested: the 1B models get the transformers tested with this vLLM, and a vLLM that was not
// tested, or failed, is refused for every model.
func TestFetchTakesWhatWasTested(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	bin, folder := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		folder + "/fetch.sh":   read(t, "deploy/gpu/fetch.sh"),
		folder + "/tested.txt": "# vLLM transformers result\n1.0.0 2.1.0 dies at start\n1.0.0 2.0.0 runs\n1.1.0 2.0.0 dies at start\n",
		bin + "/python3":       "#!/bin/sh\ncase $2 in *vllm*) echo $VERSION ;; *) echo check $3 >&2 ;; esac\n",
		bin + "/uv":            "#!/bin/sh\necho uv $* >&2\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	const installs = "uv pip install --system transformers==2.0.0\ncheck 2.0.0\n"
	for _, test := range []struct {
		model, version string
		code           int
		stderr         string
	}{
		{"lightonai/LightOnOCR-2-1B", "1.0.0", 0, installs},
		{"lightonai/LightOnOCR-3-4B", "1.0.0", 0, ""},
		{"lightonai/LightOnOCR-2-1B", "1.1.0", 2, "no working row for vLLM 1.1.0"},
		{"lightonai/LightOnOCR-3-4B", "1.2.0", 2, "no working row for vLLM 1.2.0"},
	} {
		out := run(t, []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "VERSION=" + test.version}, "bash",
			folder+"/fetch.sh", "libraries", test.model)
		if out.code != test.code || test.code == 0 && out.stderr != test.stderr ||
			!strings.Contains(out.stderr, test.stderr) {
			t.Errorf("%s with vLLM %s: exit %d\n%s", test.model, test.version, out.code, out.stderr)
		}
	}
}

// TestImageHasATestedVLLM: the image's vLLM passed its test.
func TestImageHasATestedVLLM(t *testing.T) {
	version := regexp.MustCompile(`vllm-openai:v([\d.]+)@`).FindStringSubmatch(read(t, "deploy/gpu/Dockerfile"))
	if version == nil ||
		!regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(version[1])+
			` \S+ runs`).MatchString(read(t, "deploy/gpu/tested.txt")) {
		t.Errorf("the image has vLLM %v, of which tested.txt has no row that runs", version)
	}
}

// TestImageIsBuiltAgainForOtherLibraries: the image's tag depends on the rows that determine its libraries, not on
// those of other versions of vLLM.
func TestImageIsBuiltAgainForOtherLibraries(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	folder := t.TempDir()
	for name, text := range map[string]string{
		"Dockerfile": "FROM vllm/vllm-openai:v1.0.0@${VLLM_DIGEST} AS weights\nFROM vllm/vllm-openai:v1.0.0@${VLLM_DIGEST}\n",
		"tested.txt": "# rows\n1.0.0 2.1.0 dies at start\n1.0.0 2.0.0 runs\n1.0.01 3.0.0 runs\n11.0.0 3.0.0 runs\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := run(t, []string{"FOLDER=" + folder}, "bash", "-euc", `. deploy/gpu.sh; cd "$FOLDER"; tested_rows`)
	if want := "1.0.0 2.1.0 dies at start\n1.0.0 2.0.0 runs\n"; out.code != 0 || out.stdout != want {
		t.Errorf("exit %d %q, want %q: %s", out.code, out.stdout, want, out.stderr)
	}
	if script := read(t, "deploy/gpu.sh"); !strings.Contains(script, "serve.sh && tested_rows)") {
		t.Error("the image's tag does not follow them")
	}
}
