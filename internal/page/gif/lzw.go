package gif

// maxWidth is the largest number of bits of a code.
const maxWidth = 12

// codes reads pixels that are compressed with LZW, in blocks of up to 255 bytes.
type codes struct {
	b     []byte // from the next byte on
	block int    // bytes that are left of the block
	acc   uint32
	n     int // bits of acc

	size, width, next int // bits of a pixel and of a code, and the next code that is made
	last              int // the code before; below 0: none
	first             byte
	ended             bool

	before [1 << maxWidth]uint16 // of a code that was made, all but its last pixel, as a code
	pixel  [1 << maxWidth]byte   // and its last pixel
	stack  []byte                // pixels to come, the next one last
}

func newCodes(b []byte, size int) *codes {
	c := &codes{b: b, size: size}
	c.clear()
	return c
}

// clear forgets the codes that were made.
func (c *codes) clear() { c.width, c.next, c.last = c.size+1, 1<<c.size+2, -1 }

// read reads pixels, and returns how many there are before the end.
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

// fill reads the next code's pixels, and reports whether there is one.
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
			c.ended = true // none that there can be
		default:
			c.take(code)
			return true
		}
	}
	return false
}

// take puts a code's pixels on the stack, and makes the next code of the one before and the first of them.
func (c *codes) take(code int) {
	at := code
	if code == c.next { // the code before, and its first pixel again
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

// code returns the next code; false if there is none.
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
