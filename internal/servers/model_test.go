package servers

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"image"
	_ "image/jpeg" // a page of the contract is one
	_ "image/png"  // and the others are these
	"math"
	"testing"

	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

//go:embed answers.json
var answersFile []byte

// answerOfModel is one entry of answers.json, which model.py reads as well.
type answerOfModel struct {
	Page      string     `json:"page"`
	Colour    [3]float64 `json:"colour"`
	Thinking  []string   `json:"thinking"`
	Tokens    []string   `json:"tokens"`
	Numbered  int        `json:"numbered"`
	Scattered uint64     `json:"scattered"`
	Prefix    string     `json:"prefix"`
	Loop      []string   `json:"loop"`
}

// readModel returns the answers by the name of their page, with counted words written out.
func readModel(tb testing.TB) map[string]answerOfModel {
	tb.Helper()
	var all []answerOfModel
	if err := json.Unmarshal(answersFile, &all); err != nil {
		tb.Fatal(err)
	}
	answers := map[string]answerOfModel{}
	for _, a := range all {
		for i := range a.Numbered {
			a.Tokens = append(a.Tokens, fmt.Sprintf("%s%04d", a.Prefix, i))
		}
		for i := range a.Scattered {
			a.Tokens = append(a.Tokens, fmt.Sprintf("%s%08x", a.Prefix, i*2654435761%(1<<32)))
		}
		answers[a.Page] = a
	}
	return answers
}

// rgb is a page's colour, from 0 to 255.
func (a answerOfModel) rgb() [3]uint8 {
	var c [3]uint8
	for i, v := range a.Colour {
		c[i] = uint8(math.Round((v + 1) * 127.5))
	}
	return c
}

// writer is the stand-in's version of the model: the mean colour of the page decides.
func writer(tb testing.TB) ocrtest.Reply {
	answers := readModel(tb)
	return ocrtest.Writes(func(r *ocrtest.Request) ocrtest.Writing {
		a := nearest(answers, meanColour(r.Image))
		w := ocrtest.Writing{Tokens: a.Tokens, Loop: a.Loop}
		var kwargs struct {
			EnableThinking *bool `json:"enable_thinking"`
		}
		_ = json.Unmarshal(r.Fields["chat_template_kwargs"], &kwargs) // most requests have none
		if closed := kwargs.EnableThinking != nil && !*kwargs.EnableThinking; closed {
			w.PromptTokens = 2 // the template closes the block of thoughts
		} else if a.Thinking != nil {
			w.Tokens = append(append(append([]string{"<think>"}, a.Thinking...), "</think>"), a.Tokens...)
		}
		return w
	})
}

// nearest returns the answer whose colour has the direction of the page's.
func nearest(answers map[string]answerOfModel, colour [3]float64) answerOfModel {
	var best answerOfModel
	most := math.Inf(-1)
	for _, a := range answers {
		dot, norm := 0.0, 0.0
		for i := range 3 {
			dot, norm = dot+a.Colour[i]*colour[i], norm+a.Colour[i]*a.Colour[i]
		}
		if likeness := dot / math.Sqrt(norm); likeness > most {
			best, most = a, likeness
		}
	}
	return best
}

// meanColour returns the mean of some pixels, from -1 to 1. Transparent pixels are white, as in vLLM. Without an image
// there is no colour.
func meanColour(data []byte) [3]float64 {
	if data == nil {
		return [3]float64{}
	}
	page, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		panic(err) // the stand-in has decoded it already
	}
	var sum [3]float64
	n, b := 0.0, page.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y += 1 + b.Dy()/16 {
		for x := b.Min.X; x < b.Max.X; x += 1 + b.Dx()/16 {
			r, g, bl, alpha := page.At(x, y).RGBA()
			for i, v := range [3]uint32{r, g, bl} {
				sum[i] += float64(v+0xffff-alpha)/0xffff*2 - 1
			}
			n++
		}
	}
	for i := range sum {
		sum[i] /= n
	}
	return sum
}
