package document

import "maps"

// Charge returns the strikes with one more for a page, which failed with the code for no other reason than the page.
func (s Strikes) Charge(page int, code string) Strikes {
	return s.with(page, Strike{Count: s[page].Count + 1, Code: code})
}

// Suspect returns the strikes with a page that failed among others.
func (s Strikes) Suspect(page int, code string) Strikes {
	return s.with(page, Strike{Count: s[page].Count, Code: code})
}

// Leave returns the strikes with a page that failed alone, without a control page read after it.
func (s Strikes) Leave(page int, code string) Strikes {
	return s.with(page, Strike{Count: s[page].Count, Code: code, Open: true})
}

// Clear returns the strikes without a page, which is not suspect any more.
func (s Strikes) Clear(page int) Strikes {
	next := maps.Clone(s)
	delete(next, page)
	return next
}

// Total returns the number of strikes.
func (s Strikes) Total() int {
	n := 0
	for _, strike := range s {
		n += strike.Count
	}
	return n
}

func (s Strikes) with(page int, strike Strike) Strikes {
	next := maps.Clone(s)
	if next == nil {
		next = Strikes{}
	}
	next[page] = strike
	return next
}
