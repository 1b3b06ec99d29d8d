// Package docs renders the reference tables of the pages in this folder from the code. `go generate ./docs` writes
// them; a test fails where a page has other tables than the code.
//
// Each table is between two comments, <!-- table: NAME --> and <!-- end of table -->.
package docs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/bucketocr/bucketocr/internal/config"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/telemetry"
	"github.com/bucketocr/bucketocr/internal/worker"
)

//go:generate go run ./generate

var tables = template.Must(template.New("").Funcs(template.FuncMap{"cell": cell, "names": names}).Parse(`
{{- define "variables" -}}
{{range .}}
### {{.Title}}

| variable | default | unit | allowed | meaning |
|---|---|---|---|---|
{{range .Variables}}| ` + "`{{.Name}}`" + ` | {{cell .Default}} | {{.Unit}} | {{cell .Limit}} | {{cell .Meaning}} |
{{end}}{{end}}
{{end}}

{{- define "outcomes" -}}
| outcome | answer | meaning |
|---|---|---|
{{range .}}| ` + "`{{.Outcome}}`" + ` | {{if .Refused}}503{{else}}200{{end}} | {{cell .Summary}} |
{{end}}{{end}}

{{- define "codes" -}}
| code | class | what happened, what to do |
|---|---|---|
{{range .}}| ` + "`{{.Code}}`" + ` | {{.Class}} | {{names .Summary}} {{names .Advice}} |
{{end}}{{end}}

{{- define "warnings" -}}
| warning | meaning |
|---|---|
{{range .}}| ` + "`{{.Warning}}`" + ` | {{names .Summary}} |
{{end}}{{end}}

{{- define "metrics" -}}
| metric | kind | unit | attributes | meaning |
|---|---|---|---|---|
{{range .}}| ` + "`{{.Name}}`" + ` | {{.Kind}} | {{.Unit}} | {{range $i, $a := .Attributes}}{{if $i}}, {{end}}` + "`{{$a}}`" + `{{end}} | {{cell .Meaning}} |
{{end}}{{end}}`))

// rows returns the rows of each table.
func rows() map[string]any {
	return map[string]any{
		"variables": config.Sections(),
		"outcomes":  document.Outcomes(),
		"codes":     document.Codes(),
		"warnings":  document.Warnings(),
		"metrics":   Instruments(),
	}
}

// Instruments returns all that the function measures.
func Instruments() []worker.Instrument {
	return append(worker.Instruments(), worker.Instrument{Name: telemetry.InvokeDuration, Kind: "histogram", Unit: "s",
		Meaning: telemetry.InvokeMeaning, Attributes: []string{"faas.trigger", "http.response.status_code"}})
}

const end = "<!-- end of table -->\n"

var begin = regexp.MustCompile(`(?m)^<!-- table: (\w+) -->\n`)

// Render returns a page with each of its tables as the code has it, and the names of these. It fails at a table that
// there is not, and at one without an end.
func Render(page string) (rendered string, found []string, err error) {
	var out strings.Builder
	for {
		at := begin.FindStringSubmatchIndex(page)
		if at == nil {
			out.WriteString(page)
			return out.String(), found, nil
		}
		name := page[at[2]:at[3]]
		data, ok := rows()[name]
		if !ok {
			return "", nil, fmt.Errorf("there is no table %q", name)
		}
		_, rest, ok := strings.Cut(page[at[1]:], end)
		if !ok {
			return "", nil, fmt.Errorf("table %s has no end", name)
		}
		out.WriteString(page[:at[1]])
		if err := tables.ExecuteTemplate(&out, name, data); err != nil {
			return "", nil, err
		}
		out.WriteString(end)
		page, found = rest, append(found, name)
	}
}

// Names returns the names of all tables.
func Names() []string {
	var all []string
	for name := range rows() {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// cell returns text that stays in its cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

var name = regexp.MustCompile(`\b[A-Z]+(_[A-Z]+)+\b|\broles/[\w.]+\w`)

// names returns a sentence as a cell, with the names of variables and roles as code.
func names(sentence string) string { return name.ReplaceAllString(cell(sentence), "`$0`") }
