package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bucketocr/bucketocr/internal/document"
)

// finished returns a done record with a text.
func finished(s *Store, name, text string) document.Record {
	return document.Record{Bucket: s.Bucket(), Name: name, Generation: 7, Status: document.StatusDone, Pages: 1,
		PagesDone: 1, Text: text, Finished: time.Now()}
}

// search returns the names of the records that a query finds, and the lines, with the matches in brackets.
func search(t testing.TB, s *Store, query string) (names []string, lines []string) {
	t.Helper()
	found, more, err := s.Search(t.Context(), query, 500)
	if err != nil || more {
		t.Fatalf("%q: %v, %v", query, more, err)
	}
	for _, f := range found {
		var name string
		if err := s.read.QueryRow("SELECT doc ->> '$.name' FROM records WHERE id = ?", f.ID).Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
		line := ""
		for i, part := range f.Line {
			if i%2 == 1 {
				part = "[" + part + "]"
			}
			line += part
		}
		lines = append(lines, line)
	}
	return names, lines
}

// TestSearch: a query finds the texts that have all its words, ignoring case and accents, and shows the line with them;
// operators are ordinary words.
func TestSearch(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	put(t, s, finished(s, "letter",
		"# Halifax, 3 May 1912\n\nDear Sir,\nthe **Northern** branch is closed & sealed.\n"))
	put(t, s, finished(s, "bill", "<table><tr><td>Café au lait</td><td>12-b</td></tr></table>\n\nthe branch in Łódź"))
	put(t, s, finished(s, "odd", `a OR b NOT c "quoted" text:x NEAR(y z) col* ^first {a} 100% 東京都 हिन्दी`))
	put(t, s, finished(s, "asia", "我在北京工作。京都は第12条のコンピューター\nภาษาไทยสวยงาม ราคา 100"))
	put(t, s, retrying(s, "not yet, branch"))
	for _, c := range []struct{ query, names, line string }{
		{"branch", "bill letter", ""},
		{"northern branch", "letter", "the **[Northern]** [branch] is closed & sealed."},
		{"BRANCH closed", "letter", "the **Northern** [branch] is [closed] & sealed."},
		{"halif", "letter", "# [Halifax], 3 May 1912"},
		{"alifax", "", ""},
		{"cafe", "bill", "[Café] au lait 12-b"},
		{"CAFÉ", "bill", "[Café] au lait 12-b"},
		{"12-b", "bill", "Café au lait [12]-[b]"},
		{"12-c", "", ""},
		{"table", "", ""}, // a tag
		{"td", "", ""},
		{"branch dear", "letter", ""}, // in different lines
		{"branch nowhere", "", ""},
		{"not yet", "", ""}, // a record without a text
		{"or", "odd", ""},
		{`"quoted"`, "odd", ""},
		{`"`, "", ""},
		{`a" OR "b`, "odd", ""},
		{"text:x", "odd", ""},
		{"nothing:x", "", ""},
		{"NEAR(y", "odd", ""},
		{"col*", "odd", ""},
		{"-first", "odd", ""},
		{"^first", "odd", ""},
		{"{first}", "odd", ""},
		{"東京", "odd", ""},
		{"हिन्दी", "odd", ""},
		{"北京", "asia", "我在[北京]工作。京都は第12条のコンピューター"},
		{"京北", "", ""},
		{"第12条", "asia", "我在北京工作。京都は[第12条]のコンピューター"},
		{"ピュー", "asia", "我在北京工作。京都は第12条のコン[ピュー]ター"},
		{"工作 ไทย", "asia", ""}, {"ガ", "", ""},
		{"ไทย", "asia", "ภาษา[ไทย]สวยงาม ราคา 100"},
		{"", "", ""}, {"  ", "", ""}, {"* - ( )", "", ""}, {"\x00", "", ""}, {"branch\x00", "bill letter", ""},
		{"\xff", "", ""},
		{strings.Repeat("first ", 1000), "odd", ""},
	} {
		names, lines := search(t, s, c.query)
		slices.Sort(names)
		if got := strings.Join(names, " "); got != c.names {
			t.Errorf("%.40q finds %q, want %q", c.query, got, c.names)
		}
		if c.line != "" && (len(lines) != 1 || lines[0] != c.line) {
			t.Errorf("%q shows %q, want %q", c.query, lines, c.line)
		}
	}
	found, more, err := s.Search(t.Context(), "branch", 1)
	if err != nil || !more || len(found) != 1 ||
		found[0].ID != (document.Object{Bucket: s.Bucket(), Name: "bill"}).ID() {
		t.Errorf("of two at most one, the newest: %v, %v, %v", found, more, err)
	}
}

// TestIndexFollowsTheRecord: searches find the current text, not that of an older reading, of a record retried from the
// start, or of a deleted one; a record written with an unchanged text is not indexed again.
func TestIndexFollowsTheRecord(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	finds := func(query string, want ...string) {
		t.Helper()
		if names, _ := search(t, s, query); !slices.Equal(names, want) {
			t.Errorf("%s finds %q, want %q", query, names, want)
		}
	}
	r := finished(s, "a", "first reading")
	put(t, s, r)
	put(t, s, finished(s, "z", "something else")) // it has the greatest row
	rowOf := func() (n int64) {
		t.Helper()
		if err := s.read.QueryRow("SELECT n FROM indexed WHERE id = ?", r.Object().ID()).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	finds("first", "a")
	n := rowOf()
	r.Rereading = &document.Rereading{By: "x"}
	put(t, s, r)
	if rowOf() != n {
		t.Error("an unchanged text was indexed again")
	}
	r.Text, r.Finished = "second reading", r.Finished.Add(time.Second)
	put(t, s, r)
	finds("first")
	finds("second", "a")
	r.Text = "third reading" // within the same moment
	put(t, s, r)
	finds("third", "a")
	finds("second")
	again := retrying(s, "a")
	put(t, s, again)
	finds("third")
	r.Text, r.TextInPages, r.Pages, r.PagesDone, r.Finished = "", true, 2, 2, r.Finished.Add(time.Second)
	put(t, s, r, document.Page{Page: 1, Generation: 7, Text: "one\n\nthe long beginning"},
		document.Page{Page: 2, Generation: 7, Text: "the last line"})
	finds("beginning last", "a")
	if _, lines := search(t, s, "last"); !slices.Equal(lines, []string{"the [last] line"}) {
		t.Errorf("%q", lines)
	}
	r.Status, r.TextInPages = document.StatusDeleted, false
	put(t, s, r)
	finds("beginning")
	finds("something", "z")
	var left int
	if err := s.read.QueryRow("SELECT count(*) FROM indexed").Scan(&left); err != nil || left != 1 {
		t.Errorf("%d texts are indexed, %v", left, err)
	}
	if err := s.read.QueryRow("SELECT count(*) FROM texts WHERE texts MATCH 'reading OR beginning'").Scan(
		&left); err != nil || left != 0 {
		t.Errorf("%d rows of old texts are left, %v", left, err)
	}
}

// TestCommitAndIndexAreOne: a commit that fails leaves no trace in the index.
func TestCommitAndIndexAreOne(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	seen := put(t, s, finished(s, "a", "kept"))
	s.end = func(tx *sql.Tx) error { return errors.Join(errors.New("cut"), tx.Rollback()) }
	next := finished(s, "a", "lost")
	next.Finished = next.Finished.Add(time.Second)
	if _, err := s.Commit(t.Context(), next.Object().ID(), seen, &document.Change{Record: &next}); !errors.Is(err,
		document.ErrAnswerLost) {
		t.Fatal(err)
	}
	s.end = (*sql.Tx).Commit
	for query, want := range map[string][]string{"kept": {"a"}, "lost": nil} {
		if names, _ := search(t, s, query); !slices.Equal(names, want) {
			t.Errorf("%s finds %q", query, names)
		}
	}
}

// downgrade converts a database to the version without an index.
func downgrade(t *testing.T, s *Store) {
	t.Helper()
	execSQL(t, s, "DROP TABLE texts")
	execSQL(t, s, "DROP TABLE indexed")
	execSQL(t, s, fmt.Sprint("PRAGMA user_version = ", firstVersion))
}

// TestOlderDatabaseGetsTheIndex: when it is opened with Open, completely or not at all. OpenBeside uses it unchanged.
func TestOlderDatabaseGetsTheIndex(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 120 { // more than one batch
		put(t, s, finished(s, fmt.Sprintf("%03d", i), fmt.Sprint("common number", i)))
	}
	book := finished(s, "book", "")
	put(t, s, finished(s, "asia", "東京都"))
	book.TextInPages, book.Pages, book.PagesDone = true, 1, 1
	put(t, s, book, document.Page{Page: 1, Generation: 7, Text: "in a page"})
	downgrade(t, s)
	before := get(t, s, "007")
	shut(t, s)

	beside, err := OpenBeside(databaseIn(dir))
	if err != nil {
		t.Fatal(err)
	}
	if indexed, err := beside.Indexed(t.Context()); err != nil || indexed {
		t.Errorf("beside: indexed %v, %v", indexed, err)
	}
	put(t, beside, finished(beside, "late", "written without an index"))
	shut(t, beside)

	s = open(t, dir)
	if indexed, err := s.Indexed(t.Context()); err != nil || !indexed {
		t.Errorf("indexed %v, %v", indexed, err)
	}
	for query, want := range map[string][]string{"京": {"asia"}, "number7": {"007"}, "number119": {"119"},
		"page":    {"book"},
		"written": {"late"}} {
		names, _ := search(t, s, query)
		if query == "number7" {
			names = slices.DeleteFunc(names, func(n string) bool { return n != "007" })
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s finds %q, want %q", query, names, want)
		}
	}
	if names, _ := search(t, s, "common"); len(names) != 120 {
		t.Errorf("%d of 120 texts are indexed", len(names))
	}
	after := get(t, s, "007")
	before.ReadAt, after.ReadAt = time.Time{}, time.Time{}
	if !reflect.DeepEqual(before, after) {
		t.Errorf("the record became %+v", after)
	}
}

// TestCancelledMigration leaves the database as it was.
func TestCancelledMigration(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	put(t, s, finished(s, "a", "text"))
	downgrade(t, s)
	execSQL(t, s, "INSERT INTO records (id, rev, status, doc) VALUES ('zz', 99, 'done', '{broken')")
	if err := migrate(t.Context(), s.write); err == nil {
		t.Fatal("a broken record was taken")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := migrate(ctx, s.write); err == nil {
		t.Fatal("a context that has ended was ignored")
	}
	if version, err := identify(t.Context(), s.write); err != nil || version != firstVersion {
		t.Errorf("version %d, %v", version, err)
	}
}

// TestLine: a line is limited in length, contains the first word, and has only printable characters.
func TestLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, query, want string }{
		{"a\u202eb c\x00d\te", "e", "ab cd |e"},
		{strings.Repeat("x ", 300) + "word here", "word", "…" + strings.Repeat("x ", 20) + "|word| here"},
		{"word " + strings.Repeat("y", 500), "word", "|word| " + strings.Repeat("y", lineRunes-5) + "…"},
		{strings.Repeat("w", 500), "w", "|" + strings.Repeat("w", lineRunes) + "|…"},
		{"nothing", "else", ""},
	} {
		_, words := parseQuery(c.query)
		parts := lineOf(c.text, words)
		if got := strings.Join(parts, "|"); got != c.want {
			t.Errorf("%.30q: %q, want %q", c.text, got, c.want)
		}
	}
}

// FuzzSearch: no query is an error, or changes anything.
func FuzzSearch(f *testing.F) {
	s := open(f, f.TempDir())
	put(f, s, finished(s, "a", "the quick brown fox\n<b>jumps</b> over 12-b\n東京 Łódź"))
	for _, q := range []string{"fox", `"`, `""`, `a"b`, "a*", "NEAR(a b, 3)", "text : a", "-a", "a AND", "^", "{x}:y",
		"\x00", "\xff", "ʼ", "²", "ª"} {
		f.Add(q, "the quick\n"+q)
	}
	f.Fuzz(func(t *testing.T, query, text string) {
		found, _, err := s.Search(t.Context(), query, 10)
		if err != nil || len(found) > 1 {
			t.Errorf("%q: %v, %v", query, found, err)
		}
		_, words := parseQuery(query)
		line := lineOf(text, words)
		if n := utf8.RuneCountInString(strings.Join(line, "")); n > lineRunes+50 ||
			!utf8.ValidString(strings.Join(line, "")) {
			t.Errorf("%q in %q: %d runes: %q", query, text, n, line)
		}
	})
}
