package page

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bucketocr/bucketocr/internal/page/pdf"
	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// Text is a page's text as embedded in its file.
type Text struct {
	Markdown string
	// why the text cannot be relied on, so that the page's image has to be read; "" if it can
	Doubt string
}

const (
	// peak bytes in addition to the engine's room: the drawing, its analysis and the characters
	textMemory = 48 << 20
	textTime   = 1 * time.Minute // for one page, in real time, including the wait for the Decoder
)

// Text returns the embedded text of page n of a PDF if the drawn page shows the same text. Faults of the object are
// reported as a doubt, too. After a page has taken too much time or memory, all further pages are doubtful. It may be
// called more than once. Errors are the source's, the Budget's or ctx's, unwrapped; waited is as for Page.
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

// text asks the Decoder for the text of a page, in one room after the other. A decoder process that dies is not tried
// again: unlike for an image, nothing is lost without the text.
func (o *object) text(ctx context.Context, n int) (Text, error) {
	if o.textless {
		return Text{Doubt: "an earlier page of its file took too much time or memory"}, nil
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
			return Text{}, fmt.Errorf("page: decoder returned unexpected arguments %v", m.Args)
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
			return Text{Doubt: "it took too much time or memory"}, nil
		}
		return Text{}, err
	}
	o.textless = true
	return Text{Doubt: "it took too much memory"}, nil
}

// servePDFText registers the decoder process's handler for the text of a PDF. Its arguments are the page and the room;
// the answer's argument is 1 if its data is the text, 0 if it is a doubt.
func servePDFText(calls map[string]sandbox.Handler, e *pdf.Engine) {
	calls["pdf.text"] = func(_ context.Context, m sandbox.Message) (sandbox.Message, error) {
		if len(m.Args) != 2 {
			return sandbox.Message{}, fmt.Errorf("page: decoder called with unexpected arguments %v", m.Args)
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
