package ocr_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// writer is a model that always writes the same text, and either loops for ever or ends by itself.
type writer struct {
	name string
	// text is all that it writes. cuts has the beginning of the text that a given number of tokens holds, if that is
	// known; otherwise a token counts as three bytes.
	text string
	cuts map[int]string
	ends bool // by itself; otherwise only a limit ends it
	lead int  // bytes before its loop; 0: it has none
}

// said returns the part of the text within a limit, the reason for its end, and the number of tokens.
func (m writer) said(tokens int) (text, reason string, used int) {
	if cut, known := m.cuts[tokens]; known {
		return cut, "length", tokens
	}
	if len(m.text) > 3*tokens && m.cuts == nil {
		return strings.ToValidUTF8(m.text[:3*tokens], ""), "length", tokens
	}
	if !m.ends {
		return m.text, "length", tokens
	}
	return m.text, "stop", len(m.text) / 3
}

// outcome is the result of reading a writer's text.
type outcome struct {
	ocr.Result
	longest int // length in bytes of the longest answer
}

// flagged reports whether a loop caused a further request or a warning.
func (o outcome) flagged() bool {
	for _, w := range o.Warnings {
		if w == ocr.WarningRepetition {
			return true
		}
	}
	return o.Tries[0].Ending == ocr.WarningRepetition
}

func read(t *testing.T, m writer, maxTokens int) outcome {
	t.Helper()
	var out outcome
	s := ocrtest.New(t)
	s.Default(ocrtest.Custom(true, func(w http.ResponseWriter, r *ocrtest.Request) {
		text, reason, used := m.said(r.MaxTokens)
		out.longest = max(out.longest, len(text))
		body, _ := json.Marshal(map[string]any{
			"choices": []any{map[string]any{"message": map[string]any{"content": text}, "finish_reason": reason}},
			"usage":   map[string]any{"prompt_tokens": 1500, "completion_tokens": used},
		})
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}))
	r, err := newClient(t, s, func(c *ocr.Config) { c.MaxTokens = maxTokens }).ExtractText(patience(t),
		ocr.Bytes(pngPage(t)))
	if err != nil {
		t.Fatal(err)
	}
	out.Result = r
	return out
}

// TestTexts has the client read texts with the honest repetition of pages, and with the loops of models that have lost
// the page, and counts how many are doubted, shortened and found. The variable TEXTS names a folder with other texts
// (honest/*.txt, loop/*length*.txt and loop/*stop*.txt), and CUTS a JSON file with the part of each text that a number
// of tokens holds: {"honest/a.txt": {"cuts": {"4096": "…"}}}. With these, only the loss of honest text is an error.
func TestTexts(t *testing.T) {
	t.Parallel()
	honest, endless, ended := ownTexts()
	folder := os.Getenv("TEXTS")
	if folder != "" {
		honest, endless, ended = textsIn(t, folder, os.Getenv("CUTS"))
	}
	var flagged, asked, lost, cuts, cutsLost, tokens int
	for _, m := range honest {
		o := read(t, m, 12288)
		asked += len(o.Tries) - 1
		tokens += o.Usage.CompletionTokens
		if o.flagged() {
			flagged++
		}
		if o.Text != m.text && len(o.Text) < len(strings.TrimSpace(m.text)) && !strings.Contains(m.text, `\$`) &&
			m.text[0] != '!' {
			lost += len(m.text) - len(o.Text)
			t.Errorf("%s: %d of %d bytes are left of what the model ended, %v", m.name, len(o.Text), len(m.text),
				o.Warnings)
		}
		limits := []int{4096, 6000, 8192}
		for _, limit := range limits {
			if _, reason, _ := m.said(limit); reason != "length" {
				continue
			}
			cuts++
			if o := read(t, m, limit); len(o.Text) < o.longest*99/100 && m.text[0] != '!' {
				cutsLost++
				t.Logf("%s: cut at %d tokens, %d of %d bytes are left, %v", m.name, limit, len(o.Text), o.longest,
					o.Warnings)
			}
		}
	}
	found, kept, paid := 0, 0, 0
	for _, m := range endless {
		o := read(t, m, 4096)
		paid += o.Usage.CompletionTokens
		if o.flagged() {
			found++
		} else {
			t.Logf("%s: not found", m.name)
		}
		if len(o.Text) > m.lead+(len(m.text)-m.lead)/4 {
			kept++
		}
	}
	stopped := 0
	for _, m := range ended {
		if read(t, m, 4096).flagged() {
			stopped++
		} else {
			t.Logf("%s: not found", m.name)
		}
	}
	t.Logf("honest texts: %d of %d doubted, %d further answers, %d bytes lost, %d tokens", flagged, len(honest), asked,
		lost, tokens)
	t.Logf("cut honest texts: %d of %d lose text", cutsLost, cuts)
	t.Logf("loops without an end: %d of %d found, %d with most of their copies, %d tokens", found, len(endless), kept,
		paid)
	t.Logf("loops that end by themselves: %d of %d found", stopped, len(ended))
	if folder == "" && (cutsLost*20 > cuts || found*10 < len(endless)*9 || stopped*4 < len(ended)*3 ||
		flagged*3 > len(honest)) {
		t.Error("these are more than a client may lose or miss")
	}
}

func textsIn(t *testing.T, folder, cuts string) (honest, endless, ended []writer) {
	known := map[string]struct{ Cuts map[int]string }{}
	if cuts != "" {
		raw, err := os.ReadFile(cuts)
		if err == nil {
			err = json.Unmarshal(raw, &known)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(folder, "*", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no texts in %s: %v", folder, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name, _ := filepath.Rel(folder, file)
		m := writer{name: name, text: string(raw), ends: true}
		if of, ok := known[filepath.ToSlash(name)]; ok {
			m.cuts = of.Cuts
			if m.cuts == nil {
				m.cuts = map[int]string{}
			}
		}
		switch {
		case strings.HasPrefix(filepath.ToSlash(name), "honest/"):
			honest = append(honest, m)
		case strings.Contains(name, "stop"):
			ended = append(ended, m)
		default:
			m.ends, m.cuts = false, map[int]string{}
			endless = append(endless, m)
		}
	}
	return honest, endless, ended
}

// ownTexts generates texts of the kinds that people report.
func ownTexts() (honest, endless, ended []writer) {
	each := func(n int, line func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(line(i))
		}
		return b.String()
	}
	same := func(piece string) func(int) string { return func(int) string { return piece } }
	format := func(f string, numbers ...func(i int) any) func(int) string {
		return func(i int) string {
			var args []any
			for _, n := range numbers {
				args = append(args, n(i))
			}
			return fmt.Sprintf(f, args...)
		}
	}
	from := func(first, step int) func(int) any { return func(i int) any { return first + i*step } }
	cells := func(cell string, n int) string {
		return "    <tr>\n" + strings.Repeat("      <td>"+cell+"</td>\n", n) + "    </tr>\n"
	}
	names := strings.Fields("Adams Baker Clarke Davies Evans Fisher Graham Harris Irving Jones King Lewis Mason Nolan Owen Parker Quinn Reed Shaw Turner Usher Vance Wood Young")
	table := func(rows string) string {
		return "# Sheet 7\n\n<table>\n  <tbody>\n" + rows + "  </tbody>\n</table>\n\nSeen and signed.\n"
	}
	for name, text := range map[string]string{
		"prose": honestProse(9000),
		"attendance": table(each(len(names), func(i int) string {
			return "    <tr>\n      <td>" + names[i] + "</td>\n" + strings.Repeat("      <td></td>\n", 31) +
				"    </tr>\n"
		})),
		"empty attendance": table(each(30, same(cells("", 32)))),
		"empty ledger":     table(each(45, same(cells("", 8)))),
		"inventory":        table(each(60, same(cells("", 10)))),
		"zeros":            table(each(70, same(cells("0.00", 6)))),
		"tickets":          table(each(200, format("<tr><td>%d</td><td>5.00</td></tr>\n", from(1001, 1)))),
		"serial numbers": table(each(150,
			format("<tr><td>%d</td><td>%d</td><td>12</td></tr>\n", from(1, 1), from(700100, 1)))),
		"a log in a table": table(each(90,
			format("<tr><td>%d:%02d</td><td>idle</td><td>%d</td></tr>\n", func(i int) any { return 8 + i/4 },
				func(i int) any { return i % 4 * 15 }, func(i int) any { return i * i % 37 }))),
		"pipes":   each(60, same("|  |  |  |  |\n")),
		"answers": each(300, format("%d (A) (B) (C) (D)\n", from(1, 1))),
		"labels":  each(80, same("Jane Example\n14 Orchard Lane\nBath BA1 1AA\n\n")),
		"coupons": each(24, same("10 % off your next purchase. One coupon for each customer.\n\n")),
		"contents": each(40,
			format("Chapter %d "+strings.Repeat(". ", 50)+"%d\n", from(1, 1), func(i int) any { return 7*i + i*i%5 })),
		"a wide leader":    "Index\n\nBridges " + strings.Repeat(". ", 161) + "12\n",
		"a box to fill in": "Comments:\n" + strings.Repeat("_", 520) + "\nSigned\n",
		"lines to fill in": each(40, same("Name ____________ Company ____________ Signed ____________\n")),
		"a litany": each(70, func(i int) string {
			return names[i%len(names)] + fmt.Sprint(i*i%71) + ", pray for us.\n"
		}),
		"a mantra":     each(108, same("om mani padme hum\n")),
		"a punishment": each(50, same("I must not talk in class.\n")),
		"a drill":      each(20, func(i int) string { return strings.Repeat("asdf jkl; ", 6+i%3) + "\n" }),
		"claims": each(40,
			format("%d. The method of claim %d, in which the layer is applied by spraying.\n\n", from(2, 1),
				from(1, 1))),
		"reserved":      each(50, format("§ 12.%d [Reserved]\n\n", from(1, 1))),
		"a hex dump":    each(66, format("%07x: "+strings.Repeat("00 ", 16)+"\n", from(0, 16))),
		"a bit pattern": each(60, func(i int) string { return fmt.Sprintf("%080b\n", i*2654435761) }),
		"a system's log": each(100,
			format("Nov 26 %02d:%02d:00 host cron[812]: (root) CMD (run-parts /etc/cron.hourly)\n", func(i int) any {
				return i / 60
			}, func(i int) any { return i % 60 })),
		"numbers in the margin": each(400, format("%d\n", from(1, 1))),
		"a matrix":              "$$\\begin{pmatrix}\n" + each(20, same("0 & 0 & 0 & 0 \\\\\n")) + "\\end{pmatrix}$$\n",
		"a song":                honestProse(700) + "\n\n" + strings.Repeat("La la la la la la la.\n", 6),
		"a crossword":           each(15, func(i int) string { return "|" + strings.Repeat(" |", 15) + "\n" }),
		"a phone book": each(250, func(i int) string {
			return fmt.Sprintf("%s %c %d %05d\n", names[i%24], 'A'+i%17, 100+i*i%800, i*i*977%99999)
		}),
	} {
		honest = append(honest, writer{name: name, text: text, ends: true})
	}
	leads := map[string]string{"": "# Delivery note 4711\n\nThe goods below were handed over.\n\n",
		"late, ": honestProse(4000) + "\n\n"}
	for name, piece := range map[string]func(int) string{
		"a sentence":          same("The rest of the page is not part of the image. "),
		"a phrase over lines": same("YOU ARE WELCOME\nTO ALL OF IT\n"),
		"a word":              same("very-"),
		"a Korean word":       same("곧 "),
		"a Chinese phrase":    same("防晒套装 敏感 "),
		"a sign":              same("! "),
		"dots":                same(". "),
		"a dash":              same("-"),
		"breaks":              same("<br>"),
		"entities":            same("&nbsp;"),
		"empty cells":         same("<td></td>"),
		"cells":               same("      <td>n/a</td>\n"),
		"empty rows":          same(cells("", 4)),
		"three rows":          same("<tr><td>Benzene</td><td>71-43-2</td></tr><tr><td>Toluene</td><td>108-88-3</td></tr><tr><td>Xylene</td><td>1330-20-7</td></tr>\n"),
		"rows that count":     format("<tr><td>%d</td><td></td><td></td></tr>\n", from(1, 1)),
		"a fraction":          same("\\frac{1}{2} + "),
		"a row of a matrix":   same("0 & 0 & 0 & 0 \\\\\n"),
		"a heading":           same("## 2.1 Introduction\n\n"),
		"a letterhead":        same("ACME TRADING COMPANY\n12 Harbour Road, Bristol\nStatement of account\n"),
		"a paragraph":         same(honestProse(520) + "\n\n"),
		"half a page":         same(honestProse(2500) + "\n\n"),
		"code": func(int) string {
			return each(30, format("if err := step%d(ctx); err != nil {\n\treturn err\n}\n", from(0, 1)))
		},
		"boxes": same("![text](112,640,882,698) Total\n\n"),
		"boxes that move": func(i int) string {
			return fmt.Sprintf("![text](%d,%d,88%d,%d) Total\n\n", 112+i%3, 100+5*i, i%4, 107+5*i+i%2)
		},
		"pictures": func(i int) string {
			return fmt.Sprintf("![image](image_%d.png)%d,20%d,304,404\n\n", i+1, 100+i%4, i%7)
		},
		"clauses": func(i int) string {
			return fmt.Sprintf("(%s) the Supplier shall indemnify the Customer;\n",
				strings.Repeat("x", i/10%9)+strings.Repeat("i", 1+i%3))
		},
		"Chinese articles": func(i int) string {
			return fmt.Sprintf("第%s条民事主体在民事活动中的法律地位一律平等。\n\n", []string{"三", "四", "五", "六", "七十", "八", "九"}[i%7]+
				strings.Repeat("百", i%3))
		},
		"pages that go on": format("Page %d of 12\n\n", from(3, 1)),
		"sections": format("%d.%d General provisions\n\n", func(i int) any { return 1 + i/9 }, func(i int) any {
			return 1 + i%9
		}),
		"a name that drifts": func(i int) string {
			return "H" + string("aeo"[i*i%3]) + "k" + string("ae"[i%2]) + "te Toolb" + string("oa"[i*i/3%2]) + "x\n\n"
		},
		"a row of counted things": format("%d, ", from(1, 1)),
	} {
		for when, lead := range leads {
			var b strings.Builder
			b.WriteString(lead)
			for i := 0; b.Len() < 3*16384; i++ {
				b.WriteString(piece(i))
			}
			endless = append(endless, writer{name: when + name, text: b.String(), lead: len(lead)})
		}
		lead := leads[""]
		ended = append(ended, writer{name: name, text: lead + each(40, piece), ends: true, lead: len(lead)})
	}
	return honest, endless, ended
}
