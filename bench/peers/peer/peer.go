// Package peer is the common part of measured programs in Go. It makes calls to warm up, prints "warm", waits for a
// line of input, makes the measured calls and prints the time of each.
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

// Program holds a program's arguments: the URL of the OCR service, the file of the page, the number of concurrent calls
// and of all calls.
type Program struct {
	URL, File     string
	AtOnce, Calls int
}

// Model is the model that every peer requests.
const Model = "lightonai/LightOnOCR-2-1B"

// Run makes the calls of one peer. Each must return the page's text.
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
	_, _ = input.ReadString('\n') // stay alive until this process's usage has been read
	return nil
}

// all makes n calls and returns the milliseconds of each.
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
