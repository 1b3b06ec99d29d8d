package servers

import (
	"cmp"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// reading is the result expected of a client for a page.
type reading struct {
	colour    string
	maxTokens int
	warning   string
	requests  int
	tokens    int // at most
}

// longCount is a page whose text counts beyond the maximum answer: it may be a loop, so it is requested twice more, and
// kept.
var longCount = reading{"green", 0, ocr.WarningRepetition, 3, 4096 + 2*6002}

// slowPage is how long one try may take on a busy machine: the text of a page that has not ended by then would be kept
// as truncated.
const slowPage = 7 * time.Minute

// loopTokens is the length of an answer, in tokens, that has more copies of the model's loop than a page can hold.
const loopTokens = 600

// clientReads checks the client's results for answers that are cut, that count, and that loop.
func clientReads(t *testing.T, cfg ocr.Config, dialect string) {
	answers := readModel(t)
	cfg.Timeout = slowPage
	for name, test := range map[string]reading{
		"a long page goes on where it was cut":    {"orange", 1200, "", 2, len(answers["orange"].Tokens) + 10},
		"words that count and end are kept whole": {"yellow", 0, "", 2, 2 * (len(answers["yellow"].Tokens) + 10)},
		"thoughts are no text":                    {"azure", 0, "", 1, 50},
		"a loop ends after its first piece":       {"red", loopTokens, ocr.WarningRepetition, 3, 3 * loopTokens},
	} {
		t.Run(name, func(t *testing.T) {
			if r := readPage(t, cfg, test); r.Dialect != dialect {
				t.Errorf("taken for %q", r.Dialect)
			}
		})
	}
}

// readPage reads a page with a client.
func readPage(t *testing.T, cfg ocr.Config, test reading) ocr.Result {
	t.Helper()
	cfg.MaxTokens = cmp.Or(test.maxTokens, cfg.MaxTokens)
	client, err := ocr.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r, err := client.ExtractText(t.Context(), ocr.Bytes(encode(t, sized(test.colour, 850, 1100)(t))))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.TrimSpace(strings.Join(readModel(t)[test.colour].Tokens, ""))
	if text := strings.TrimSpace(r.Text); test.warning == "" && text != want || !strings.HasPrefix(text, want) ||
		len(text) > len(want)+20 {
		t.Errorf("%s, not %s", clip(r.Text), clip(want))
	}
	if strings.Join(r.Warnings, " ") != test.warning || len(r.Tries) != test.requests ||
		r.Usage.CompletionTokens > test.tokens {
		t.Errorf("warnings %v, %d requests, %d tokens; want %q, %d, %d at most", r.Warnings, len(r.Tries),
			r.Usage.CompletionTokens, test.warning, test.requests, test.tokens)
	}
	return r
}

// TestClientReadsByEveryStandIn: the same, and a page longer than an answer, by the stand-in for each server.
func TestClientReadsByEveryStandIn(t *testing.T) {
	t.Parallel()
	for dialect, options := range map[string][]ocrtest.Option{ocr.DialectVLLM: nil,
		ocr.DialectGateway: {ocrtest.Gateway()}, ocr.DialectLlama: {ocrtest.Llama()}} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			server := ocrtest.New(t, options...)
			server.Default(writer(t))
			cfg := ocr.Config{URL: server.URL}
			clientReads(t, cfg, dialect)
			t.Run("words that count for longer than an answer are kept whole", func(t *testing.T) {
				readPage(t, cfg, longCount)
			})
		})
	}
}
