package plan

import "time"

// Setup is a deployment, with deploy.sh's names, and the speed of one GPU.
type Setup struct {
	GPUMaxInstances, GPUMinInstances          int
	GPUMaxNumSeqs                             int // pages that one GPU reads at once
	FunctionMaxInstances, FunctionConcurrency int
	OCRConcurrency                            int // pages in flight for one object
	// pages in flight for one instance (OCR_INSTANCE_CONCURRENCY); 0: no limit
	InstancePages              int
	PagesPerSecond             float64 // of one GPU with GPUMaxNumSeqs pages in flight
	OCRTimeout, ProcessTimeout time.Duration
}

// Asked returns how many pages the function asks for at once at most, with objects of pagesPerObject pages.
func (s Setup) Asked(pagesPerObject int) int {
	instance := s.FunctionConcurrency * min(s.OCRConcurrency, pagesPerObject)
	if s.InstancePages > 0 {
		instance = min(instance, s.InstancePages)
	}
	return s.FunctionMaxInstances * instance
}

// PagesOfObject returns how many pages of one object are read at once while its instance is full.
func (s Setup) PagesOfObject(pagesPerObject int) int {
	n := min(s.OCRConcurrency, pagesPerObject)
	if s.InstancePages > 0 {
		n = min(n, max(1, s.InstancePages/s.FunctionConcurrency))
	}
	return n
}

// Taken returns how many pages the GPUs read at once.
func (s Setup) Taken() int { return s.GPUMaxInstances * s.GPUMaxNumSeqs }

// halfFull is the share of GPUMaxNumSeqs beyond which more pages at once add little.
const halfFull = 0.25

// Rate returns how many pages per second one GPU reads with n in flight. It is an assumption, since that depends on
// model and GPU: few pages leave the GPU idle between steps; beyond a quarter of GPUMaxNumSeqs they increasingly share
// its capacity.
func (s Setup) Rate(n float64) float64 {
	full := float64(s.GPUMaxNumSeqs)
	half := halfFull * full
	return s.PagesPerSecond * n / (n + half) * (full + half) / full
}

// PageTime returns how long the GPU takes for a page while n are in flight.
func (s Setup) PageTime(n float64) time.Duration {
	return time.Duration(n / s.Rate(n) * float64(time.Second))
}

// LongestPage is how much longer than an average page the GPU takes for the longest: OCR_MAX_TOKENS against some 800
// tokens.
const LongestPage = 5

// paced returns how many pages one GPU can have at once, GPUMaxNumSeqs at most, with the longest still read within
// OCRTimeout.
func (s Setup) paced() int {
	n := s.GPUMaxNumSeqs
	for n > 0 && LongestPage*s.PageTime(float64(n)) > s.OCRTimeout {
		n--
	}
	return n
}
