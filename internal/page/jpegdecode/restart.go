package jpegdecode

import (
	"bytes"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
)

// restart moves to the next restart marker. It reports whether the interval after it is missing, and whether the scan
// has more at all. The rules are libjpeg's, except that a marker that cannot be in a scan is skipped as damage if more
// restarts follow.
func (s *scan) restart() (missing, more bool) {
	r := s.r
	if r.n <= 56 {
		r.fill()
	}
	r.wrong = r.wrong || r.n >= 8 // whole bytes left over
	r.align()
	s.run, s.until = 0, s.d.interval
	for _, c := range s.channels {
		c.predictor = 0
	}
	expected := s.restarts & 7
	s.restarts++
	if s.d.strict {
		return s.expect(jpegfile.RST0 + byte(expected))
	}
	for {
		at, ok := markerFrom(r.b, r.at)
		if !ok {
			r.wrong, r.at = true, len(r.b)
			return true, false
		}
		r.wrong = r.wrong || len(bytes.Trim(r.b[r.at:at], "\xff")) > 0
		r.at = at
		marker := r.b[at+1]
		if marker == jpegfile.RST0+byte(expected) {
			r.at += 2
			return false, true
		}
		r.wrong = true
		if marker < jpegfile.RST0 || marker > jpegfile.RST7 {
			if r.at, more = s.nextRestart(at); !more {
				return true, false
			}
			continue
		}
		switch (int(marker) - jpegfile.RST0 - expected) & 7 {
		case 1, 2: // the interval before it is missing
			return true, true
		case 6, 7: // a repeated earlier marker
			r.at += 2
		default:
			r.at += 2
			return false, true
		}
	}
}

// expect reads the given restart marker, optionally after fill bytes.
func (s *scan) expect(marker byte) (missing, more bool) {
	b, err := s.r.Next(2)
	for err == nil && b[0] == 0xff && b[1] == 0xff {
		s.r.at--
		b, err = s.r.Next(2)
	}
	s.r.wrong = s.r.wrong || err != nil || b[0] != 0xff || b[1] != marker
	return s.r.wrong, !s.r.wrong
}

// markerFrom returns the index of the next marker from at on.
func markerFrom(b []byte, at int) (int, bool) {
	for {
		i := bytes.IndexByte(b[at:], 0xff)
		if i < 0 || at+i+1 >= len(b) {
			return 0, false
		}
		if at += i; b[at+1] != 0 && b[at+1] != 0xff {
			return at, true
		}
		at++
	}
}

// nextRestart returns the index of the next restart marker, or at and false if the next scan or the end of the file
// comes first.
func (s *scan) nextRestart(at int) (int, bool) {
	for from := at; ; {
		next, ok := markerFrom(s.r.b, from)
		if !ok || s.r.b[next+1] == jpegfile.SOS || s.r.b[next+1] == jpegfile.EOI {
			return at, false
		}
		if m := s.r.b[next+1]; m >= jpegfile.RST0 && m <= jpegfile.RST7 {
			return next, true
		}
		from = next + 2
	}
}
