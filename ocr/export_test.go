package ocr

import (
	"context"
	"time"
)

// SetSleep replaces the waits between tries.
func (cfg *Config) SetSleep(sleep func(context.Context, time.Duration) error) {
	cfg.hooks.sleep = sleep
}

// SetRand replaces the source of the random numbers in [0, 1) that spread the waits.
func (cfg *Config) SetRand(rand func() float64) { cfg.hooks.rand = rand }

// SetNow replaces the clock that measures the phases of a try.
func (cfg *Config) SetNow(now func() time.Time) { cfg.hooks.now = now }

// NeverContinues makes the client assume that its server does not continue answers.
func (c *Client) NeverContinues() *Client {
	c.refused.Or(uint32(fieldContinue))
	return c
}
