//go:build integration

package servers

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

var update = flag.Bool("update", false, "write down what the servers answer")

// The versions that are tested unless VLLM, TRANSFORMERS and LITELLM name others. Those of vLLM and transformers are the image's
// (deploy/gpu).
const (
	vllmVersion         = "0.30.0"
	transformersVersion = "5.16.1"
	litellmVersion      = "1.108.7"
)

// TestRealServers starts vLLM and LiteLLM once for all that is asked of them: a start takes a minute.
func TestRealServers(t *testing.T) {
	version := cmp.Or(os.Getenv("VLLM"), vllmVersion)
	vllm := startVLLM(t, version, cmp.Or(os.Getenv("TRANSFORMERS"), transformersVersion), "--max-num-seqs", "2", "--shutdown-timeout", "8")
	gateway := startLiteLLM(t, cmp.Or(os.Getenv("LITELLM"), litellmVersion), vllm.url)
	vllm.await(t, "/health")
	gateway.await(t, "/health/liveliness")

	t.Run("vLLM", func(t *testing.T) {
		standIn := ocrtest.New(t)
		standIn.Default(writer(t))
		agree(t, vllm.url, "", standIn.URL, "vllm-"+version+".jsonl", vllmDifferences)
	})
	t.Run("LiteLLM", func(t *testing.T) {
		standIn := ocrtest.New(t, ocrtest.Gateway(), ocrtest.Key(gatewayKey))
		standIn.Default(writer(t))
		agree(t, gateway.url, gatewayKey, standIn.URL, "litellm-"+litellmVersion+".jsonl", gatewayDifferences)
	})
}

// agree asks a real server and its stand-in everything, compares them, and the real one with what it answered before.
func agree(t *testing.T, real, key, standIn, file string, table []known) {
	t.Helper()
	answers := askAll(t, real, key)
	if *update {
		writeAnswers(t, file, answers)
	}
	t.Run("stand-in", func(t *testing.T) { judge(t, answers, askAll(t, standIn, key), table) })
	t.Run("as before", func(t *testing.T) { judge(t, readAnswers(t, file), answers, nil) })
}

// writeAnswers keeps answers in the order of their questions.
func writeAnswers(t *testing.T, name string, answers map[string]answer) {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for _, q := range questions(t) {
		if err := encoder.Encode(answers[q.name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join("testdata", name), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// startVLLM starts vLLM with the small model and with the flags that deploy/gpu/serve.sh has for LightOnOCR-2.
func startVLLM(t *testing.T, version, transformers string, flags ...string) *process {
	t.Helper()
	bin := install(t, "vllm", version, transformers)
	model := filepath.Join(t.TempDir(), "model")
	if out, err := exec.Command(filepath.Join(bin, "python"), "model.py", model).CombinedOutput(); err != nil {
		t.Fatalf("model.py: %v\n%s", err, out)
	}
	env := []string{"HF_HUB_OFFLINE=1", "TRANSFORMERS_OFFLINE=1", "VLLM_NO_USAGE_STATS=1", "VLLM_CPU_KVCACHE_SPACE=1"}
	return start(t, env, filepath.Join(bin, "vllm"), append([]string{"serve", model, "--host", "127.0.0.1", "--port", "PORT", "--enforce-eager",
		"--served-model-name", ocrtest.DefaultModel, "--limit-mm-per-prompt", `{"image": 1}`, "--mm-processor-cache-gb", "0",
		"--no-enable-prefix-caching"}, flags...)...)
}

// startLiteLLM starts a gateway before a vLLM.
func startLiteLLM(t *testing.T, version, vllm string) *process {
	t.Helper()
	bin := install(t, "litellm", version)
	config := filepath.Join(t.TempDir(), "litellm.yaml")
	settings := `model_list:
- model_name: ` + ocrtest.DefaultModel + `
  litellm_params:
    model: hosted_vllm/` + ocrtest.DefaultModel + `
    api_base: ` + vllm + `/v1
    api_key: none
general_settings:
  master_key: ` + gatewayKey + "\n"
	if err := os.WriteFile(config, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"LITELLM_LOCAL_MODEL_COST_MAP=True", "LITELLM_TELEMETRY=False", "NO_DOCS=True"}
	return start(t, env, filepath.Join(bin, "litellm"), "--config", config, "--host", "127.0.0.1", "--port", "PORT")
}
