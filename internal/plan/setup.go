package plan

import "time"

// Setup is what deploy.sh deploys, by its own names, and how fast one GPU reads.
type Setup struct {
	GPUMaxInstances, GPUMinInstances          int
	GPUMaxNumSeqs                             int // pages that one GPU reads at once
	FunctionMaxInstances, FunctionConcurrency int
	OCRConcurrency                            int // pages in flight for one object
	// pages in flight for one instance (OCR_INSTANCE_CONCURRENCY); 0: no limit of its own
	InstancePages              int
	PagesPerSecond             float64 // that one GPU reads with GPUMaxNumSeqs pages in flight
	OCRTimeout, ProcessTimeout time.Duration
}

// Asked is how many pages the function asks for at once at most, with objects of so many pages.
func (s Setup) Asked(pagesPerObject int) int {
	instance := s.FunctionConcurrency * min(s.OCRConcurrency, pagesPerObject)
	if s.InstancePages > 0 {
		instance = min(instance, s.InstancePages)
	}
	return s.FunctionMaxInstances * instance
}

// PagesOfObject is how many pages of one object are read at once while its instance is full.
func (s Setup) PagesOfObject(pagesPerObject int) int {
	n := min(s.OCRConcurrency, pagesPerObject)
	if s.InstancePages > 0 {
		n = min(n, max(1, s.InstancePages/s.FunctionConcurrency))
	}
	return n
}

// Taken is how many pages the GPUs read at once.
func (s Setup) Taken() int { return s.GPUMaxInstances * s.GPUMaxNumSeqs }

// halfFull is the part of GPUMaxNumSeqs from which on more pages at once add little.
const halfFull = 0.25

// Rate is how many pages a second one GPU reads with n in flight: an assumption, for it depends on model and GPU. Few
// pages leave it idle between their steps; from a quarter of GPUMaxNumSeqs on they increasingly share what there is.
func (s Setup) Rate(n float64) float64 {
	full := float64(s.GPUMaxNumSeqs)
	half := halfFull * full
	return s.PagesPerSecond * n / (n + half) * (full + half) / full
}

// PageTime is how long the GPU takes for a page while n are in flight.
func (s Setup) PageTime(n float64) time.Duration {
	return time.Duration(n / s.Rate(n) * float64(time.Second))
}
