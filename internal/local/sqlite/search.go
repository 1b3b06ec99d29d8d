package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"html"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/bucketocr/bucketocr/internal/document"
)

// maxIndexed is how many bytes of a text are indexed, to limit the time of a transaction.
const maxIndexed = 16 << 20

// indexText updates the index for a record, in the transaction that writes it, after its pages. Without an index in the
// database it does nothing.
func indexText(ctx context.Context, tx *sql.Tx, id string, r *document.Record) error {
	var version int
	if err := tx.QueryRowContext(ctx, "SELECT user_version FROM pragma_user_version").Scan(&version); err != nil ||
		version < searchVersion {
		return err
	}
	var n int64
	var before []byte
	err := tx.QueryRowContext(ctx, "SELECT n, mark FROM indexed WHERE id = ?", id).Scan(&n, &before)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	there, mark := err == nil, markOf(r)
	if !there && mark == nil || there && bytes.Equal(before, mark) {
		return nil
	}
	if there {
		if _, err := tx.ExecContext(ctx, "DELETE FROM texts WHERE rowid = ?", n); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM indexed WHERE n = ?", n); err != nil {
			return err
		}
	}
	if mark == nil {
		return nil
	}
	text := r.Text
	if r.TextInPages {
		if text, err = pagesText(ctx, tx, id, r.Generation); err != nil {
			return err
		}
	}
	if err := tx.QueryRowContext(ctx, "INSERT INTO indexed (id, mark) VALUES (?, ?) RETURNING n", id,
		mark).Scan(&n); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO texts (rowid, text) VALUES (?, ?)", n, apart(plainText(text)))
	return err
}

// markOf returns a mark that identifies a record's text, nil unless the record is done. A record is written more often
// than its text changes.
func markOf(r *document.Record) []byte {
	if r.Status != document.StatusDone {
		return nil
	}
	h := sha256.New()
	var head [17]byte
	binary.BigEndian.PutUint64(head[0:], uint64(r.Generation))
	binary.BigEndian.PutUint64(head[8:], uint64(Nanos(r.Finished)))
	if r.TextInPages {
		head[16] = 1
	}
	h.Write(head[:])
	h.Write([]byte(r.Text))
	return h.Sum(nil)[:16]
}

// querier is a transaction or a database.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// pagesText returns the concatenated texts of pages, cut at maxIndexed.
func pagesText(ctx context.Context, db querier, id string, generation int64) (string, error) {
	rows, err := db.QueryContext(ctx,
		"SELECT doc ->> '$.text' FROM pages WHERE id = ? AND generation = ? ORDER BY page", id, generation)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var all strings.Builder
	for rows.Next() && all.Len() < maxIndexed {
		var text sql.NullString
		if err := rows.Scan(&text); err != nil {
			return "", err
		}
		all.WriteString(text.String)
		all.WriteString("\n\n")
	}
	return all.String(), rows.Err()
}

var tag = regexp.MustCompile(`</?[A-Za-z][^<>]*>`)

// plainText returns a text without HTML tags, whose names are not words of the text.
func plainText(text string) string {
	text = text[:min(len(text), maxIndexed)]
	if strings.ContainsAny(text, "<&") {
		text = html.UnescapeString(tag.ReplaceAllString(text, " "))
	}
	return strings.ToValidUTF8(text, " ")
}

// unspaced reports whether a character belongs to a script without blanks between words.
func unspaced(r rune) bool {
	return r >= '\u0e00' && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao,
		unicode.Khmer, unicode.Myanmar) && !unicode.Is(unicode.Mn, r) || r == 'ー'
}

// apart puts blanks around the characters of scripts without blanks, so that each is a word of the index, and a query
// finds any part of a sentence.
func apart(text string) string {
	if strings.IndexFunc(text, unspaced) < 0 {
		return text
	}
	var out strings.Builder
	after := false
	for _, r := range text {
		if one := unspaced(r); one || after && !unicode.Is(unicode.Mn, r) {
			out.WriteByte(' ')
			after = one
		}
		out.WriteRune(r)
	}
	return out.String()
}

// migrate gives a database of an older version the index, in one transaction. It reads all texts.
func migrate(ctx context.Context, db *sql.DB) error {
	const query = "SELECT id, doc FROM records WHERE id > ? AND status = 'done' ORDER BY id LIMIT 50"
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	const drop = "DROP TABLE IF EXISTS texts; DROP TABLE IF EXISTS indexed;"
	if _, err := tx.ExecContext(ctx, drop+searchSchema+setVersion); err != nil {
		return err
	}
	for last := ""; ; {
		ids, records, err := batch(ctx, tx, query, last)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return tx.Commit()
		}
		for i, r := range records {
			if err := indexText(ctx, tx, ids[i], r); err != nil {
				return err
			}
		}
		last = ids[len(ids)-1]
	}
}

func batch(ctx context.Context, tx *sql.Tx, query, after string) (ids []string, records []*document.Record, err error) {
	rows, err := tx.QueryContext(ctx, query, after)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var doc []byte
		if err := rows.Scan(&id, &doc); err != nil {
			return nil, nil, err
		}
		r, err := document.DecodeRecord(doc)
		if err != nil {
			return nil, nil, damaged(err)
		}
		ids, records = append(ids, id), append(records, r)
	}
	return ids, records, rows.Err()
}

// Found is a document whose text has the words of a search.
type Found struct {
	ID string

	// Line is the line with most of the words, in parts: the second, fourth and so on are words of the search. Nil if
	// the texts were too long to look through.
	Line []string
}

// Indexed reports whether the texts can be searched: a database of an older bucketocr gets its index from [Open].
func (s *Store) Indexed(ctx context.Context) (bool, error) {
	var version int
	err := s.read.QueryRowContext(ctx, "SELECT user_version FROM pragma_user_version").Scan(&version)
	return version >= searchVersion, classify(ctx, err)
}

const (
	maxQuery = 200     // runes of a query that count
	maxWords = 12      // of a query
	lineRoom = 8 << 20 // bytes of texts searched for the lines of one answer
)

// Search returns at most limit finished documents whose texts have all words of a query, in any order, those written
// last first; more reports whether there are others. A word matches words that begin with it, ignoring case and
// accents; a word with punctuation, like 12-b, matches as a phrase, and one in a script without blanks, like Chinese,
// any part of a sentence. A query has no operators. A query without a letter or digit finds nothing.
func (s *Store) Search(ctx context.Context, query string, limit int) (found []Found, more bool, err error) {
	match, words := parseQuery(query)
	if match == "" {
		return nil, false, nil
	}
	const matching = `SELECT r.id FROM texts t JOIN indexed i ON i.n = t.rowid JOIN records r ON r.id = i.id
		WHERE texts MATCH ?1 AND r.status = 'done' ORDER BY r.rev DESC LIMIT ?2`
	err = eachRow(ctx, s.read, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		found = append(found, Found{ID: id})
		return err
	}, matching, match, limit+1)
	if err != nil {
		return nil, false, err
	}
	if more = len(found) > limit; more {
		found = found[:limit]
	}
	room := lineRoom
	for i := range found {
		if room <= 0 {
			break
		}
		text, err := s.searchedText(ctx, found[i].ID)
		if err != nil {
			return nil, false, classify(ctx, err)
		}
		room -= len(text)
		found[i].Line = lineOf(text, words)
	}
	return found, more, nil
}

// searchedText returns the current text of a record, as indexed; empty if it no longer has any.
func (s *Store) searchedText(ctx context.Context, id string) (string, error) {
	var text sql.NullString
	var inPages, generation sql.NullInt64
	const query = "SELECT doc ->> '$.text', doc ->> '$.textInPages', doc ->> '$.generation' FROM records WHERE id = ? AND status = 'done'"
	err := s.read.QueryRowContext(ctx, query, id).Scan(&text, &inPages, &generation)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil || inPages.Int64 == 0 {
		return text.String, err
	}
	return pagesText(ctx, s.read, id, generation.Int64)
}

// parseQuery returns a query in FTS5's syntax, with each word quoted so that none is an operator, and the folded words.
func parseQuery(query string) (match string, words []string) {
	runes := []rune(strings.ToValidUTF8(query, " "))
	query = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, string(runes[:min(len(runes), maxQuery)]))
	var quoted []string
	for _, word := range strings.Fields(query) {
		parts := strings.FieldsFunc(word, notInWord)
		if len(parts) == 0 || len(quoted) == maxWords {
			continue
		}
		quoted = append(quoted, `"`+strings.ReplaceAll(apart(word), `"`, `""`)+`"*`)
		for _, part := range parts {
			words = append(words, fold(part))
		}
	}
	return strings.Join(quoted, " "), words
}

func notInWord(r rune) bool { return !unicode.In(r, unicode.L, unicode.N, unicode.Co, unicode.Mn) }

// fold returns a word without case and accents, which the index does not distinguish.
func fold(word string) string {
	if isASCII(word) {
		return strings.ToLower(word)
	}
	bare := strings.Map(func(r rune) rune {
		if '\u0300' <= r && r <= '\u036f' {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(word))
	return norm.NFC.String(bare)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// lineRunes limits the length of a shown line.
const lineRunes = 160

// lineOf returns the first line of a text with most of the words, in parts; nil if no line has any.
func lineOf(text string, words []string) []string {
	best, most := "", 0
	for line := range strings.Lines(text) {
		if n := countIn(line, words); n > most {
			best, most = line, n
		}
		if most == len(words) {
			break
		}
	}
	if most == 0 {
		return nil
	}
	return split(strings.Join(strings.Fields(printable(plainText(best))), " "), words)
}

// countIn returns how many of the words are in a line.
func countIn(line string, words []string) int {
	has := make([]bool, len(words))
	n := 0
	for _, token := range strings.FieldsFunc(plainText(line), notInWord) {
		token = fold(token)
		within := strings.IndexFunc(token, unspaced) >= 0
		for i, w := range words {
			if !has[i] && (strings.HasPrefix(token, w) || within && strings.Contains(token, w)) {
				has[i] = true
				n++
			}
		}
	}
	return n
}

// printable returns a line without characters that do not print or change the direction of writing.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, line)
}

// split splits a line at the words, and trims it to lineRunes around the first of them.
func split(line string, words []string) []string {
	parts := []string{""}
	add := func(piece string, hit bool) {
		if hit == (len(parts)%2 == 0) {
			parts[len(parts)-1] += piece
		} else {
			parts = append(parts, piece)
		}
	}
	for line != "" {
		end := strings.IndexFunc(line, notInWord)
		if end < 0 {
			end = len(line)
		}
		mark(line[:end], words, add)
		line = line[end:]
		rest := strings.IndexFunc(line, func(r rune) bool { return !notInWord(r) })
		if rest < 0 {
			rest = len(line)
		}
		if rest > 0 {
			add(line[:rest], false)
		}
		line = line[rest:]
	}
	return trim(parts)
}

// mark adds a word of a line: whole if it begins with a word of the search, but only the parts searched for in scripts
// without blanks.
func mark(word string, words []string, add func(piece string, hit bool)) {
	if strings.IndexFunc(word, unspaced) < 0 {
		add(word, word != "" && begins(fold(word), words))
		return
	}
	for {
		at, end := len(word), len(word)
		for _, w := range words {
			if n := strings.Index(word, w); n >= 0 && n < at {
				at, end = n, n+len(w)
			}
		}
		add(word[:at], false)
		if at == len(word) {
			return
		}
		add(word[at:end], true)
		word = word[end:]
	}
}

func begins(token string, words []string) bool {
	for _, w := range words {
		if strings.HasPrefix(token, w) {
			return true
		}
	}
	return false
}

// trim trims the parts of a line to about lineRunes, including the first word of the search.
func trim(parts []string) []string {
	const before = 40
	if lead := []rune(parts[0]); len(lead) > before && len(parts) > 1 {
		parts[0] = "…" + string(lead[len(lead)-before:])
	}
	room := lineRunes
	for i, p := range parts {
		runes := []rune(p)
		if len(runes) <= room {
			room -= len(runes)
			continue
		}
		parts[i], parts = string(runes[:room]), parts[:i+1]
		if i%2 == 1 {
			parts = append(parts, "")
		}
		parts[len(parts)-1] += "…"
		break
	}
	return parts
}
