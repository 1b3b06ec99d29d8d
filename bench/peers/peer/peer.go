// Package peer is what a measured program in Go does beside its call: it says that it is warm, waits until it is told
// to begin, calls, and says how long each call took.
package peer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

// Program is a program's arguments: the OCR service, the file of the page, how many calls at once, how many in all.
type Program struct {
	URL, File     string
	AtOnce, Calls int
}

// Model is what every peer asks for.
const Model = "lightonai/LightOnOCR-2-1B"

// Run makes the calls of one peer. Each has to return the page's text.
func Run(make func(Program) (call func() (string, error), err error)) {
	if err := run(make); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(make func(Program) (func() (string, error), error)) error {
	if len(os.Args) != 5 {
		return errors.New("arguments: URL FILE AT-ONCE CALLS")
	}
	atOnce, err1 := strconv.Atoi(os.Args[3])
	calls, err2 := strconv.Atoi(os.Args[4])
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	p := Program{URL: os.Args[1], File: os.Args[2], AtOnce: atOnce, Calls: calls}
	call, err := make(p)
	if err != nil {
		return err
	}
	if _, err := p.all(call, atOnce); err != nil { // connections and pools
		return err
	}
	fmt.Println("warm")
	input := bufio.NewReader(os.Stdin)
	if _, err := input.ReadString('\n'); err != nil {
		return err
	}
	took, err := p.all(call, calls)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(took); err != nil {
		return err
	}
	_, _ = input.ReadString('\n') // the end, when what this process used has been read
	return nil
}

// all makes n calls and returns what each took, in milliseconds.
func (p Program) all(call func() (string, error), n int) ([]float64, error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var took []float64
	var errs []error
	next := make(chan struct{})
	for range p.AtOnce {
		wg.Go(func() {
			for range next {
				begun := time.Now()
				text, err := call()
				d := time.Since(begun)
				if err == nil && text == "" {
					err = errors.New("an answer without text")
				}
				mu.Lock()
				took, errs = append(took, d.Seconds()*1000), append(errs, err)
				mu.Unlock()
			}
		})
	}
	for range n {
		next <- struct{}{}
	}
	close(next)
	wg.Wait()
	return took, errors.Join(errs...)
}
