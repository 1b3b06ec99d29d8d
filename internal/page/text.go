package page

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bucketocr/bucketocr/internal/page/pdf"
	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// Text is what a page says by the text that its file holds.
type Text struct {
	Markdown string
	// why that is not to be relied on, and the page to be read as it looks, in a few words; "" where it is
	Doubt string
}

const (
	// bytes beside the engine's room, at the peak: the drawing, what is found in it, and the characters
	textMemory = 48 << 20
	textTime   = 1 * time.Minute // for one page, by the clock, waiting for the Decoder included
)

// Text returns the text that a PDF holds of page n, if that is what the page shows: a page is drawn for it, and
// compared. Whatever is wrong with the object is a doubt too, and after what took too much of time or memory it is not
// asked again. It may be called more than once. Errors are the source's, the Budget's or ctx's own; waited is as for
// Page.
func (p *Pages) Text(ctx context.Context, n int) (text Text, waited time.Duration, err error) {
	if n < 1 || n > p.Len() {
		return text, 0, fmt.Errorf("page: no page %d of %d", n, p.Len())
	}
	if p.format.engine != pdfEngine || !p.format.drawn {
		return Text{Doubt: "files of this kind hold no text"}, 0, nil
	}
	waited, err = p.inTurn(ctx, func() (err error) {
		text, err = p.text(ctx, n)
		return err
	})
	return text, waited, err
}

// text asks for the text of a page in one room after the other. Only once: unlike a page that is drawn, nothing is lost
// without it.
func (o *object) text(ctx context.Context, n int) (Text, error) {
	if o.textless {
		return Text{Doubt: "its file was too much to look at"}, nil
	}
	limited, cancel := context.WithTimeout(ctx, textTime)
	defer cancel()
	for ; o.textRoom < len(pdfRooms); o.textRoom++ {
		room := pdfRooms[o.textRoom]
		if err := o.load(ctx, pdfEngine, plus(room, textMemory)); err != nil {
			if isKind(err, TooLarge) {
				break
			}
			return Text{}, err
		}
		m, err := o.call(limited, "pdf.text", int64(n), room)
		_, bad := errors.AsType[*Error](err)
		switch {
		case err == nil && (len(m.Args) != 1 || m.Args[0] < 0 || m.Args[0] > 1):
			return Text{}, fmt.Errorf("page: a decoder answered %v", m.Args)
		case err == nil && m.Args[0] == 1:
			return Text{Markdown: string(m.Data)}, nil
		case err == nil:
			return Text{Doubt: string(m.Data)}, nil
		case err == error(errRoom):
			continue
		case ctx.Err() != nil:
			return Text{}, err
		case bad && !isKind(err, TooSlow) && err != error(errDied):
			return Text{Doubt: "it cannot be read"}, nil
		case bad, errors.Is(err, sandbox.ErrDied), errors.Is(err, context.DeadlineExceeded):
			o.textless = true
			return Text{Doubt: "it took too much to look at"}, nil
		}
		return Text{}, err
	}
	o.textless = true
	return Text{Doubt: "it took too much memory to look at"}, nil
}

// servePDFText adds what the decoder process does with the text of a PDF: the numbers are the page and the room, and
// the answer's number says whether its data is the text, 1, or a doubt, 0.
func servePDFText(calls map[string]sandbox.Handler, e *pdf.Engine) {
	calls["pdf.text"] = func(_ context.Context, m sandbox.Message) (sandbox.Message, error) {
		if len(m.Args) != 2 {
			return sandbox.Message{}, fmt.Errorf("page: a decoder was called with %v", m.Args)
		}
		markdown, doubt, err := e.Text(m.Data, int(m.Args[0]), m.Args[1])
		switch {
		case err != nil:
			return sandbox.Message{}, pdfComplaint(err)
		case doubt != "":
			return sandbox.Message{Args: []int64{0}, Data: []byte(doubt)}, nil
		}
		return sandbox.Message{Args: []int64{1}, Data: []byte(markdown)}, nil
	}
}
