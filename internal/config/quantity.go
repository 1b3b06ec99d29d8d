package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

const (
	kib, mib, gib = 1 << 10, 1 << 20, 1 << 30 // bytes
	megapixel     = 1_000_000                 // pixels
)

// unit is a suffix and what it stands for.
type unit struct {
	suffix string
	factor int64
}

// The units, the largest first.
var (
	byteUnits  = []unit{{"GiB", gib}, {"MiB", mib}, {"KiB", kib}, {"B", 1}}
	pixelUnits = []unit{{"MP", megapixel}}
)

func size(p *int64, least, most int64) kind {
	return quantity(p, "bytes", byteUnits, "number of bytes, or of KiB, MiB or GiB", least, most)
}

func pixels(p *int64, least, most int64) kind {
	return quantity(p, "pixels", pixelUnits, "number of pixels, or of MP (a million)", least, most)
}

func quantity(p *int64, name string, units []unit, form string, least, most int64) kind {
	limit := fmt.Sprintf("%s, %s to %s", form, amount(least, units), amount(most, units))
	return kind{unit: name, limit: limit, set: func(value string) error {
		n, ok := parse(value, units)
		if !ok {
			return errors.New("is no such number")
		}
		*p = n
		return within(n, least, most)
	}}
}

// parse reads a whole number and its unit, with or without a space between, in any case. What is more than an int64 holds
// counts as the most.
func parse(value string, units []unit) (int64, bool) {
	digits := len(value) - len(strings.TrimLeft(value, "0123456789"))
	suffix := strings.TrimSpace(value[digits:])
	factor := int64(1)
	if suffix != "" {
		factor = 0
	}
	for _, u := range units {
		if strings.EqualFold(u.suffix, suffix) {
			factor = u.factor
		}
	}
	if digits == 0 || factor == 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(value[:digits], 10, 64)
	if err != nil || n > math.MaxInt64/factor {
		return math.MaxInt64, true
	}
	return n * factor, true
}

// amount writes n in the largest unit that divides it.
func amount(n int64, units []unit) string {
	for _, u := range units {
		if n > 0 && n%u.factor == 0 && u.factor > 1 {
			return fmt.Sprintf("%d %s", n/u.factor, u.suffix)
		}
	}
	return strconv.FormatInt(n, 10)
}
