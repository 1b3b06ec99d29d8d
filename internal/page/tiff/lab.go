package tiff

import "math"

// labTable converts CIE L*a*b* with illuminant D50, as used in print, to sRGB.
type labTable struct {
	signed bool // a and b are stored as signed values, not offset by 128
	gamma  []byte
}

const gammaSteps = 1 << 12

func newLabTable(signed bool) labTable {
	t := labTable{signed: signed, gamma: make([]byte, gammaSteps+1)}
	for i := range t.gamma {
		v := float64(i) / gammaSteps
		if v <= 0.0031308 {
			v *= 12.92
		} else {
			v = 1.055*math.Pow(v, 1/2.4) - 0.055
		}
		t.gamma[i] = byte(v*255 + 0.5)
	}
	return t
}

func (t *labTable) rgb(l, a, b byte) (red, green, blue byte) {
	da, db := float64(int(a)-128), float64(int(b)-128)
	if t.signed {
		da, db = float64(int8(a)), float64(int8(b))
	}
	cube := func(f float64) float64 {
		if f > 6.0/29 {
			return f * f * f
		}
		return (f - 4.0/29) * 3 * 36 / 841
	}
	f := (float64(l)*100/255 + 16) / 116
	x, y, z := 0.9642*cube(f+da/500), cube(f), 0.8251*cube(f-db/200)
	out := func(v float64) byte { return t.gamma[int(max(0, min(1, v))*gammaSteps+0.5)] }
	return out(3.1339*x - 1.6169*y - 0.4906*z), out(-0.9788*x + 1.9161*y + 0.0335*z),
		out(0.0719*x - 0.2290*y + 1.4052*z)
}
