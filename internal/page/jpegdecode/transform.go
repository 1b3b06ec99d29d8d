package jpegdecode

import "math"

// pointBits is the number of fractional bits of coefficients. Dequantizing includes all scaling of the inverse cosine
// transform, which leaves sums and a few products for the transform itself. Only coefficients that are wrong in the
// file can overflow, and their samples are wrong anyway.
const pointBits = 16

// term maps a coefficient: its product with scale is added to the block's element at.
type term struct {
	scale int32
	at    uint8
}

// aanScale holds the factors by which inverse8 expects its input to be scaled (Arai, Agui and Nakajima 1988).
var aanScale = [8]float64{1, 1.387039845, 1.306562965, 1.175875602, 1, 0.785694958, 0.541196100, 0.275899379}

// factor returns the scale and the index at which coefficient k of eight along one axis enters a transform of side
// samples, each of which is the mean of 8/side samples of the full transform. The mean of neighbouring samples of a
// cosine is a smaller cosine, and frequencies that the shorter transform lacks alias to ones that it has. So the means
// are exact, and no coefficient is dropped.
func factor(k, side int) (scale float64, at int) {
	if side == 8 {
		return aanScale[k], k
	}
	scale = 1 // of cos((2i+1)kπ/16), relative to the first coefficient
	if k > 0 {
		n := 8 / side
		scale = math.Sqrt2 * math.Sin(float64(n*k)*math.Pi/16) / (float64(n) * math.Sin(float64(k)*math.Pi/16))
	}
	for k >= side { // cos((2i+1)kπ/2side) is 0 for k = side and mirrored beyond
		if k == side {
			return 0, 0
		}
		k, scale = 2*side-k, -scale
		if k < 0 {
			k = -k
		}
	}
	switch { // the input scaling that show4 and show expect
	case side == 4 && k%2 == 1:
		scale *= math.Cos(math.Pi / 8)
	case side == 4 && k == 2, side == 2 && k == 1:
		scale *= math.Cos(math.Pi / 4)
	}
	return scale, k
}

// terms returns the terms of the coefficients, in zigzag order, for blocks of side x side samples.
func terms(quant *[64]uint16, side int) *[64]term {
	t := new([64]term)
	for k, at := range zigzag {
		across, x := factor(at%8, side)
		down, y := factor(at/8, side)
		t[k] = term{int32(math.Round(float64(quant[k]) * across * down * (1 << pointBits) / 8)), uint8(y*side + x)}
	}
	return t
}

// show transforms a block of coefficients into side x side samples in pix.
func show(block *[64]int32, side int, pix []byte, stride int) {
	switch side {
	case 8:
		show8(block, pix, stride)
	case 4:
		show4(block, pix, stride)
	case 2:
		a, b := block[0]+block[1], block[0]-block[1]
		c, d := block[2]+block[3], block[2]-block[3]
		upper, lower := pix[:2], pix[stride:][:2]
		upper[0], upper[1] = sample(int(a)+int(c)), sample(int(b)+int(d))
		lower[0], lower[1] = sample(int(a)-int(c)), sample(int(b)-int(d))
	case 1:
		pix[0] = sample(int(block[0]))
	}
}

// showFlat is show for a block with only a first coefficient.
func showFlat(first int32, side int, pix []byte, stride int) {
	v := sample(int(first))
	for y := range side {
		row := pix[y*stride:][:side]
		for x := range row {
			row[x] = v
		}
	}
}

// sample converts a value from fixed point, centred on 0, to a byte.
func sample(v int) byte {
	v = (v + 128<<pointBits + 1<<(pointBits-1)) >> pointBits
	if uint(v) > 255 {
		return byte(^(v >> 63))
	}
	return byte(v)
}

// Factors of the transforms, with factorBits fractional bits.
const (
	factorBits = 14
	tan8       = 6786  // tan(π/8)
	sqrt2      = 23170 // √2
	twoCos8    = 30274 // 2·cos(π/8)
	less       = 17734 // 2·(cos(π/8) - cos(3π/8))
	both       = 42813 // 2·(cos(π/8) + cos(3π/8))
)

func show4(block *[64]int32, pix []byte, stride int) {
	b := (*[16]int32)(block[:])
	for x := range 4 {
		v0, v1, v2, v3 := int(b[x]), int(b[4+x]), int(b[8+x]), int(b[12+x])
		even, odd := v0+v2, v0-v2
		outer, inner := v1+v3*tan8>>factorBits, v1*tan8>>factorBits-v3
		b[x], b[4+x], b[8+x], b[12+x] = int32(even+outer), int32(odd+inner), int32(odd-inner), int32(even-outer)
	}
	for y := range 4 {
		row, to := (*[4]int32)(b[4*y:]), (*[4]byte)(pix[y*stride:])
		v0, v1, v2, v3 := int(row[0]), int(row[1]), int(row[2]), int(row[3])
		even, odd := v0+v2, v0-v2
		outer, inner := v1+v3*tan8>>factorBits, v1*tan8>>factorBits-v3
		to[0], to[1], to[2], to[3] = sample(even+outer), sample(odd+inner), sample(odd-inner), sample(even-outer)
	}
}

func show8(b *[64]int32, pix []byte, stride int) {
	for x := range 8 {
		c := (*[57]int32)(b[x:])
		if c[8]|c[16]|c[24]|c[32]|c[40]|c[48]|c[56] == 0 {
			c[8], c[16], c[24], c[32], c[40], c[48], c[56] = c[0], c[0], c[0], c[0], c[0], c[0], c[0]
			continue
		}
		v0, v1, v2, v3, v4, v5, v6, v7 := inverse8(int(c[0]), int(c[8]), int(c[16]), int(c[24]), int(c[32]), int(c[40]),
			int(c[48]), int(c[56]))
		c[0], c[8], c[16], c[24] = int32(v0), int32(v1), int32(v2), int32(v3)
		c[32], c[40], c[48], c[56] = int32(v4), int32(v5), int32(v6), int32(v7)
	}
	for y := range 8 {
		c, to := (*[8]int32)(b[8*y:]), (*[8]byte)(pix[y*stride:])
		v0, v1, v2, v3, v4, v5, v6, v7 := inverse8(int(c[0]), int(c[1]), int(c[2]), int(c[3]), int(c[4]), int(c[5]),
			int(c[6]), int(c[7]))
		to[0], to[1], to[2], to[3] = sample(v0), sample(v1), sample(v2), sample(v3)
		to[4], to[5], to[6], to[7] = sample(v4), sample(v5), sample(v6), sample(v7)
	}
}

// inverse8 returns the inverse transform of eight coefficients, scaled by aanScale.
func inverse8(c0, c1, c2, c3, c4, c5, c6, c7 int) (v0, v1, v2, v3, v4, v5, v6, v7 int) {
	a, b := c0+c4, c0-c4
	sum := c2 + c6
	rest := (c2-c6)*sqrt2>>factorBits - sum
	e0, e1, e2, e3 := a+sum, b+rest, b-rest, a-sum

	p, q := c5+c3, c5-c3
	r, s := c1+c7, c1-c7
	o0 := r + p
	turn := (q + s) * twoCos8 >> factorBits
	o1 := turn - q*both>>factorBits - o0
	o2 := (r-p)*sqrt2>>factorBits - o1
	o3 := turn - s*less>>factorBits - o2
	return e0 + o0, e1 + o1, e2 + o2, e3 + o3, e3 - o3, e2 - o2, e1 - o1, e0 - o0
}
