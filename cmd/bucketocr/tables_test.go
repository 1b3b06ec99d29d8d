package main

import "testing"

// TestTables: a table says the same in each format, and stays HTML where another could not say it.
func TestTables(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, markdown, csv string }{
		{"none", "a < b\n\n| x |", "a < b\n\n| x |", "a < b\n\n| x |"},
		{
			"plain", "Before\n\n<table><thead><tr><th>Name</th><th>N</th></tr></thead><tbody><tr><td>Bolts</td><td>200</td></tr></tbody></table>\n\nAfter\n",
			"Before\n\n| Name | N |\n| --- | --- |\n| Bolts | 200 |\n\nAfter\n",
			"Before\n\n```csv\nName,N\nBolts,200\n```\n\nAfter\n"},
		{"close to text", "Before <table>\n <tr>\n  <td>a</td>\n </tr>\n</table> after",
			"Before\n\n| a |\n| --- |\n\nafter", "Before\n\n```csv\na\n```\n\nafter"},
		{"alone", "<TABLE border=1><TR><TD>a<TD>b</TABLE>\n", "| a | b |\n| --- | --- |\n", "```csv\na,b\n```\n"},
		{"two", "<table><tr><td>a</td></tr></table><table><tr><td>b</td></tr></table>",
			"| a |\n| --- |\n\n| b |\n| --- |", "```csv\na\n```\n\n```csv\nb\n```"},
		{"short rows", "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>",
			"| a | b |\n| --- | --- |\n| c |  |", "```csv\na,b\nc,\n```"},
		{"caption", "<table><caption>Prices</caption><tr><td>a</td></tr></table>", "Prices\n\n| a |\n| --- |",
			"Prices\n\n```csv\na\n```"},
		{
			"cells", "<table><tr><td><b>x|y</b><br>z, \"q\"</td><td>m<sup>2</sup> &lt;p&gt; &amp;amp; a &lt; b $\\alpha_1$</td></tr></table>",
			"| **x\\|y**<br>z, \"q\" | m<sup>2</sup> &lt;p> &amp;amp; a < b $\\alpha_1$ |\n| --- | --- |",
			"```csv\n\"x|y\nz, \"\"q\"\"\",m² <p> &amp; a < b $\\alpha_1$\n```"},
		{"comparisons in cells", "<table><tr><td>$a<b$</td><td>5</td></tr><tr><td>if i<u and j>k</td><td>x<y</td></tr></table>",
			"| $a&lt;b$ | 5 |\n| --- | --- |\n| if i&lt;u and j>k | x&lt;y |",
			"```csv\n$a<b$,5\nif i<u and j>k,x<y\n```"},
		{"raised and lowered", "<table><tr><td>1,250<sup>2</sup></td><td>H<sub>2</sub>O</td></tr></table>",
			"| 1,250<sup>2</sup> | H<sub>2</sub>O |\n| --- | --- |", "```csv\n\"1,250²\",H₂O\n```"},
		{"a norm", `<table><tr><td>$\|x\|$</td></tr></table>`, `<table><tr><td>$\|x\|$</td></tr></table>`,
			"```csv\n$\\|x\\|$\n```"},
		{"list in a cell", "<table><tr><td><ul><li>a</li><li>b</li></ul></td></tr></table>", "| a<br>b |\n| --- |",
			"```csv\n\"a\nb\"\n```"},
	} {
		for format, want := range map[tableFormat]string{tablesHTML: c.text, tablesMarkdown: c.markdown,
			tablesCSV: c.csv} {
			if got := convertTables(c.text, format); got != want {
				t.Errorf("%s as %s:\n%q, want\n%q", c.name, format, got, want)
			}
		}
	}
	for _, same := range []string{
		`<table><tr><td colspan="2">a</td></tr><tr><td>b</td><td>c</td></tr></table>`,
		`<table><tr><td rowspan=2>a</td></tr></table>`,
		"<table><tr><td><table><tr><td>a</td></tr></table></td></tr></table>", "<table></table>",
		"<table><tr><td>cut off", "<table>stray<tr><td>a</td></tr></table>",
	} {
		for _, format := range []tableFormat{tablesMarkdown, tablesCSV} {
			if got := convertTables("x\n\n"+same+"\n\ny", format); got != "x\n\n"+same+"\n\ny" {
				t.Errorf("%q became %q", same, got)
			}
		}
	}
	if one := `<table><tr><td colspan="1">a</td></tr></table>`; convertTables(one, tablesMarkdown) != "| a |\n| --- |" {
		t.Error(convertTables(one, tablesMarkdown))
	}
}

// FuzzTables: no text breaks it, and one without a table stays as it is.
func FuzzTables(f *testing.F) {
	f.Add("<table><tr><td>a|b<br>c</td></tr></table>")
	f.Add("x<table><caption>c</caption><tr><td><p>a</p></td></tr></table>y")
	f.Add("<table><table></table>")
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range []tableFormat{tablesHTML, tablesMarkdown, tablesCSV} {
			if got := convertTables(text, format); !wholeTable.MatchString(text) && got != text {
				t.Errorf("%q became %q", text, got)
			}
		}
	})
}
