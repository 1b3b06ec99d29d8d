//go:build integration

package servers

import (
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/ocr"
)

// clientReads: what the client makes of answers that are cut, that count, and that loop.
func clientReads(t *testing.T, cfg ocr.Config, dialect string) {
	answers := readModel(t)
	for _, test := range []struct {
		name, colour string
		maxTokens    int
		warning      string
		requests     int
		tokens       int // at most
	}{
		{"a long page goes on where it was cut", "orange", 1200, "", 2, len(answers["orange"].Tokens) + 10},
		{"words that count and end are kept whole", "yellow", 0, "", 2, 2 * (len(answers["yellow"].Tokens) + 10)},
		{"thoughts are no text", "azure", 0, "", 1, 50},
		{"a loop ends after its first piece", "red", 0, ocr.WarningRepetition, 3, 3 * 4096},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg.MaxTokens = test.maxTokens
			client, err := ocr.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			r, err := client.ExtractText(t.Context(), ocr.Bytes(encode(t, sized(test.colour, 850, 1100)(t))))
			if err != nil {
				t.Fatal(err)
			}
			want := strings.TrimSpace(strings.Join(answers[test.colour].Tokens, ""))
			if test.warning == "" && strings.TrimSpace(r.Text) != want || !strings.HasPrefix(r.Text, want) || len(r.Text) > len(want)+20 {
				t.Errorf("%s, not %s", clip(r.Text), clip(want))
			}
			if r.Dialect != dialect {
				t.Errorf("taken for %q", r.Dialect)
			}
			if strings.Join(r.Warnings, " ") != test.warning || len(r.Tries) != test.requests || r.Usage.CompletionTokens > test.tokens {
				t.Errorf("warnings %v, %d requests, %d tokens; want %q, %d, %d at most", r.Warnings, len(r.Tries), r.Usage.CompletionTokens, test.warning, test.requests, test.tokens)
			}
		})
	}
}
