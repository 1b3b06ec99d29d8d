package gif

// maxWidth is the length of the longest code in bits.
const maxWidth = 12

// codes decompresses LZW from blocks of up to 255 bytes.
type codes struct {
	b     []byte // the remaining bytes
	block int    // remaining bytes of the block
	acc   uint32
	n     int // number of valid bits in acc

	size, width, next int // bits per pixel and per code, and the next code to be defined
	last              int // the previous code; negative: none
	first             byte
	ended             bool

	before [1 << maxWidth]uint16 // of each defined code: the code for all but its last pixel
	pixel  [1 << maxWidth]byte   // and its last pixel
	stack  []byte                // pending pixels, the next one last
}

func newCodes(b []byte, size int) *codes {
	c := &codes{b: b, size: size}
	c.clear()
	return c
}

// clear forgets the defined codes.
func (c *codes) clear() { c.width, c.next, c.last = c.size+1, 1<<c.size+2, -1 }

// read fills row with pixels and returns how many there were before the end.
func (c *codes) read(row []byte) int {
	n := 0
	for n < len(row) {
		if len(c.stack) == 0 && !c.fill() {
			break
		}
		for n < len(row) && len(c.stack) > 0 {
			top := len(c.stack) - 1
			row[n], c.stack = c.stack[top], c.stack[:top]
			n++
		}
	}
	return n
}

// fill puts the pixels of the next code on the stack, and reports whether there is one.
func (c *codes) fill() bool {
	for !c.ended {
		code, ok := c.code()
		clearCode := 1 << c.size
		switch {
		case !ok || code == clearCode+1:
			c.ended = true
		case code == clearCode:
			c.clear()
		case code > c.next || code == c.next && c.last < 0 || code > clearCode && c.last < 0:
			c.ended = true // not a valid code
		default:
			c.take(code)
			return true
		}
	}
	return false
}

// take puts a code's pixels on the stack, and defines the next code: the previous code, followed by the first of these
// pixels.
func (c *codes) take(code int) {
	at := code
	if code == c.next { // the previous code, followed by its own first pixel
		c.stack = append(c.stack, c.first)
		at = c.last
	}
	for ; at > 1<<c.size; at = int(c.before[at]) {
		c.stack = append(c.stack, c.pixel[at])
	}
	c.first = byte(at)
	c.stack = append(c.stack, c.first)
	if c.last >= 0 && c.next < 1<<maxWidth {
		c.before[c.next], c.pixel[c.next] = uint16(c.last), c.first
		if c.next++; c.next == 1<<c.width && c.width < maxWidth {
			c.width++
		}
	}
	c.last = code
}

func (c *codes) code() (int, bool) {
	for c.n < c.width {
		for c.block == 0 {
			if len(c.b) == 0 || c.b[0] == 0 {
				return 0, false
			}
			c.block, c.b = int(c.b[0]), c.b[1:]
		}
		if len(c.b) == 0 {
			return 0, false
		}
		c.acc |= uint32(c.b[0]) << c.n
		c.b, c.block, c.n = c.b[1:], c.block-1, c.n+8
	}
	code := int(c.acc & (1<<c.width - 1))
	c.acc, c.n = c.acc>>c.width, c.n-c.width
	return code, true
}
