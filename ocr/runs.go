package ocr

// run is a part of a text that repeats itself: each byte is what it was one period before.
type run struct{ start, end, period int }

func (r run) copies() int { return (r.end - r.start) / r.period }

const (
	// loopPiece is the longest piece, in bytes, that is searched for: most of a page.
	loopPiece = 4 << 10

	// loopWindow is how many bytes are compared at once to find where they were before, and so what a run repeats at
	// least.
	loopWindow = 32
)

// runs returns what repeats itself at least once in a text, in the order in which it is noticed. Each window of the
// text is looked up among those of the last loopPiece bytes, by a hash that rolls along; where it was a moment ago,
// that distance may be a period, and is followed to both sides as far as it holds. It takes time in proportion to the
// text, of which the bytes compared are the measure, and the same memory for any.
func runs(text string) (found []run, compared int) {
	const factor, bits = 0x9E3779B97F4A7C15, 14
	var (
		seen     = make([]int32, 1<<bits) // by hash: 1 + where a window last began
		followed [loopPiece + 1]int32     // by period: how far it was followed
		hash     uint64
		top      uint64 = 1 // factor to the power of loopWindow
	)
	for range loopWindow {
		top *= factor
	}
	for end := 1; end <= len(text); end++ {
		hash = hash*factor + uint64(text[end-1]) + 1
		at := end - loopWindow
		if at < 0 {
			continue
		}
		if at > 0 {
			hash -= top * (uint64(text[at-1]) + 1)
		}
		slot := &seen[hash*factor>>(64-bits)]
		before := int(*slot) - 1
		*slot = int32(at + 1)
		period := at - before
		if before < 0 || period > loopPiece || int(followed[period]) >= end {
			continue
		}
		compared += loopWindow
		if text[before:before+loopWindow] != text[at:end] {
			continue
		}
		from, to := at, end
		for from > period && from > int(followed[period]) && text[from-1] == text[from-1-period] {
			from--
		}
		for to < len(text) && text[to] == text[to-period] {
			to++
		}
		followed[period] = int32(to)
		compared += to - from
		if to-from >= period {
			found = append(found, run{from - period, to, period})
		}
	}
	return found, compared
}
