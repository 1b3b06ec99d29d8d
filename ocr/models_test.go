package ocr_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

func TestOnlyModelIsAdoptedAndRemembered(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t, ocrtest.Models("lightonai/LightOnOCR-3-4B"))
	c := newClient(t, s)
	for range 2 {
		r, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
		if err != nil || r.Model != "lightonai/LightOnOCR-3-4B" {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if n := s.Counts(); n.Models != 1 || n.Requests != 3 {
		t.Errorf("counts %+v, want one question and three requests", n)
	}
	if p := c.Profile(); p.Name != "lightonocr-3-4b" || !strings.Contains(string(s.Last().Body), `"enable_thinking":false`) {
		t.Errorf("profile is %+v", p)
	}
}

func TestNoQuestionWithoutNeed(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	if _, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil || s.Counts().Models != 0 || s.Counts().Health != 0 {
		t.Errorf("counts %+v, %v", s.Counts(), err)
	}
}

func TestConfiguredProfileStaysWithAnotherModel(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t, ocrtest.Models("lightonai/LightOnOCR-2-1B"))
	c := newClient(t, s, func(cfg *ocr.Config) { cfg.Model, cfg.Profile = "mine", "lightonocr-1" })
	if _, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil || c.Profile().Name != "lightonocr-1" {
		t.Errorf("%v, profile %+v", err, c.Profile())
	}
	s = ocrtest.New(t, ocrtest.Models("renamed"))
	c = newClient(t, s)
	if _, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil || c.Profile().Name != "lightonocr-2" {
		t.Errorf("%v, profile %+v: a name that says nothing changes nothing", err, c.Profile())
	}
}

func TestWrongModelStays(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		models []string
		change func(*ocr.Config)
		words  string
	}{
		{"two to choose from", []string{"a", "b"}, nil, `it has ["a" "b"]`},
		{"none", nil, nil, `it has []`},
		{"the only one has no layout", []string{"lightonai/LightOnOCR-2-1B"}, func(cfg *ocr.Config) { cfg.Model, cfg.Mode = "lightonai/LightOnOCR-3-1B", ocr.ModeLayout }, "no layout mode"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t, ocrtest.Models(test.models...))
			change := func(cfg *ocr.Config) {
				if test.change != nil {
					test.change(cfg)
				}
			}
			_, err := newClient(t, s, change).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
			if e := failure(t, err); e.Kind != ocr.KindWrongModel || !strings.Contains(e.Message, test.words) || s.Counts().Requests != 1 {
				t.Errorf("%v after %d requests", err, s.Counts().Requests)
			}
		})
	}
}

func TestManyCallsAskOnce(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t, ocrtest.Models("other"))
	gate := ocrtest.NewGate()
	missing := ocrtest.Hold(gate, ocrtest.Error(404, "NotFoundError", "model", "The model does not exist."))
	s.Next(missing, missing, missing, missing)
	c := newClient(t, s)
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			if _, err := c.ExtractText(t.Context(), ocr.Bytes(pngPage(t))); err != nil {
				t.Error(err)
			}
		})
	}
	if err := gate.Wait(patience(t), 4); err != nil {
		t.Fatal(err)
	}
	gate.Open()
	calls.Wait()
	if n := s.Counts().Models; n != 1 {
		t.Errorf("the models were asked for %d times", n)
	}
}

// A list of models may hold odd values, but it has to be a list.
func TestOnlyModelIsAdoptedFromOddLists(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`{"data":[{"id":"only","max_model_len":null}]}`:            true,
		`{"data":[{"id":7},{"id":"only","max_model_len":"many"}]}`: true,
		`{"data":null}`: false, `[]`: false, `<html>login</html>`: false, ``: false,
	} {
		_, err := newClientOver(t, listing(answering(200, body))).ExtractText(t.Context(), ocr.Bytes(pngPage(t)))
		if got := err == nil; got != want {
			t.Errorf("%s: adopted is %v, %v", body, got, err)
		}
	}
}

// listing refuses the model of the first request, answers the question for its models by list, and reads any page that follows.
func listing(list http.RoundTripper) http.RoundTripper {
	asked := false
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		switch {
		case r.Method == http.MethodGet:
			asked = true
			return list.RoundTrip(r)
		case asked:
			return answering(200, `{"choices":[{"message":{"content":"text"},"finish_reason":"stop"}]}`).RoundTrip(r)
		}
		return answering(404, `{"error":{"message":"The model does not exist.","type":"NotFoundError"}}`).RoundTrip(r)
	})
}
