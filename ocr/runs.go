package ocr

// run is a periodic part of a text: each byte equals the one a period before.
type run struct{ start, end, period int }

func (r run) copies() int { return (r.end - r.start) / r.period }

const (
	// loopPiece is the length of the longest piece searched for, in bytes: most of a page.
	loopPiece = 4 << 10

	// loopWindow is the number of bytes compared to find an earlier occurrence, and thus the minimum that a run
	// repeats.
	loopWindow = 32
)

// runs returns the parts of a text that repeat themselves at least once, in the order of detection. It looks up each
// window of the text among those of the last loopPiece bytes by a rolling hash; the distance to the previous occurrence
// may be a period, which is then followed in both directions as far as it holds. It takes time proportional to the
// length of the text, as measured by the bytes compared, and constant memory.
func runs(text string) (found []run, compared int) {
	const factor, bits = 0x9E3779B97F4A7C15, 14
	var (
		seen     = make([]int32, 1<<bits) // by hash: 1 + start of the last window
		followed [loopPiece + 1]int32     // by period: end of the part followed
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
