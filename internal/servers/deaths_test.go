package servers

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// dying is what clients see of a server's end, in words: the answer to a page that ends soon, to one that does not, and
// to a new one, and what /health says after the signal.
type dying struct{ short, long, next, health string }

// deaths are the observed ways in which vLLM ends, with the stand-in's counterpart for each.
var deaths = []struct {
	name    string
	flags   []string
	standIn func(*ocrtest.Server)
	want    []dying
}{
	{"SIGTERM", nil, (*ocrtest.Server).Terminate, []dying{
		{engineDied, engineDied, nothingCame, nothingCame}, {"200 abort", "200 abort", nothingCame, nothingCame},
		{nothingCame, nothingCame, nothingCame, nothingCame},
	}},
	{"SIGTERM with time", []string{"--shutdown-timeout", "8"}, (*ocrtest.Server).Drain, []dying{
		// the others on a busy machine, on which the short page may take longer than the server has
		{"200 stop", nothingCame, shutDown, "200"}, {"200 stop", engineDied, shutDown, "200"},
		{nothingCame, nothingCame, shutDown, "200"},
	}},
	{"death of the engine", nil, (*ocrtest.Server).Terminate,
		[]dying{{engineDied, engineDied, nothingCame, nothingCame}}},
	{"SIGKILL", nil, (*ocrtest.Server).Kill, []dying{{nothingCame, nothingCame, nothingCame, nothingCame}}},
}

const (
	engineDied  = "500 EngineCore encountered an issue. See stack trace (above) for the root cause."
	shutDown    = "500 cannot schedule new futures after shutdown"
	nothingCame = "nothing"
)

// reply is an answer as received, or the reason why there was none.
type reply struct {
	status int
	body   string
	err    error
}

var message = regexp.MustCompile(`"(?:message|finish_reason)":"([^"]*)"`) // of an error, or why a text ended

// words returns a reply in the form used in dying.
func (r reply) words() string {
	if r.err != nil {
		return nothingCame
	}
	words := fmt.Sprint(r.status)
	if found := message.FindStringSubmatch(r.body); found != nil {
		words += " " + found[1]
	}
	return words
}

func send(ctx context.Context, server string, body []byte) reply {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return reply{err: err}
	}
	req.Close = true
	req.Header.Set("Content-Type", "application/json")
	return sent(req)
}

func sent(req *http.Request) reply {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, string(raw), err}
}

// seen makes a server die while it reads two pages, and returns what its clients see. dead is called once the short
// page is answered, or cannot be.
func seen(t *testing.T, server string, reading func(pages int), die, dead func()) dying {
	t.Helper()
	ctx, leave := context.WithTimeout(t.Context(), 3*time.Minute)
	defer leave()
	short, long := make(chan reply, 1), make(chan reply, 1)
	go func() { long <- send(ctx, server, page("green", nil)(t)) }()
	reading(1)
	go func() { short <- send(ctx, server, page("yellow", nil)(t)) }()
	reading(2)
	die()
	var d dying
	d.next = send(ctx, server, page("white", nil)(t)).words()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	d.health = sent(req).words()
	shortReply := <-short
	dead()
	d.short, d.long = shortReply.words(), (<-long).words()
	if d.short == "200 stop" && !strings.Contains(shortReply.body, "y0299") {
		t.Errorf("the short page: %s", clip(shortReply.body))
	}
	return d
}

// TestStandInDiesAsVLLM: for every signal, clients see the same from the stand-in as from vLLM.
func TestStandInDiesAsVLLM(t *testing.T) {
	t.Parallel()
	for _, death := range deaths {
		t.Run(death.name, func(t *testing.T) {
			t.Parallel()
			server := ocrtest.New(t)
			model, hold, shortly := writer(t), ocrtest.NewGate(), ocrtest.NewGate()
			server.For(encode(t, sized("green", 850, 1100)(t)), ocrtest.Hold(hold, model))
			server.For(encode(t, sized("yellow", 850, 1100)(t)), ocrtest.Hold(shortly, model))
			server.Default(model)
			reading := func(pages int) {
				if err := server.Wait(t.Context(), func(c ocrtest.Counts) bool {
					return c.Running == pages
				}); err != nil {
					t.Fatal(err)
				}
			}
			die := func() {
				death.standIn(server)
				if death.want[0].short == "200 stop" {
					shortly.Open()
				}
			}
			dead := func() {
				if death.want[0].long == nothingCame { // an answer that is still on its way must arrive
					server.Kill()
				}
			}
			if got := seen(t, server.URL, reading, die, dead); got != death.want[0] {
				t.Errorf("%+v, not %+v", got, death.want[0])
			}
			server.Up()
			if again := send(t.Context(), server.URL, page("white", nil)(t)); again.status != 200 {
				t.Errorf("the next server: %+v", again)
			}
		})
	}
}
