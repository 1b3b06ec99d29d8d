package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/bench/internal/standin"
)

// peerFolder is a separate module, so that the peers' dependencies stay out of the others.
const peerFolder = "peers"

// peer is a program in any language that reads a page with one call.
type peer struct {
	name    string
	command []string // followed by URL, file, concurrent calls and total calls
	needs   string   // a file that it needs to run
	install string   // command that creates it
}

// allPeers returns all peers, ours first. peers builds those in Go.
func (r *run) allPeers() []peer {
	python := filepath.Join(peerFolder, "python", ".venv", "bin", "python")
	inPython := "python3 -m venv bench/peers/python/.venv && " +
		"bench/peers/python/.venv/bin/pip install -r bench/peers/python/requirements.txt"
	openai := filepath.Join(peerFolder, "node", "node_modules", "openai", "package.json")
	inGo := func(name string) []string { return []string{filepath.Join(r.bin, name)} }
	return []peer{
		{"bucketocr's client", inGo("ours"), "", ""},
		{"read, encode, one call (Go)", inGo("plain"), "", ""},
		{"openai-go", inGo("openaigo"), "", ""},
		{"openai-node", []string{"node", filepath.Join(peerFolder, "node", "peer.mjs")}, openai,
			"npm ci --prefix bench/peers/node"},
		{"httpx (Python)", []string{python, filepath.Join(peerFolder, "python", "peer_httpx.py")}, python, inPython},
		{"openai-python", []string{python, filepath.Join(peerFolder, "python", "peer_openai.py")}, python, inPython},
	}
}

// missing returns why a peer cannot run here, or "".
func (p peer) missing() string {
	if _, err := exec.LookPath(p.command[0]); err != nil {
		return fmt.Sprintf("%s: %s is not installed; %s", p.name, p.command[0], p.install)
	}
	if _, err := os.Stat(p.needs); p.needs != "" && err != nil {
		return fmt.Sprintf("%s: not installed: %s", p.name, p.install)
	}
	return ""
}

const (
	peerCalls  = 80 // per turn of a peer with eight at once; half of that with one
	peerEvents = 8  // events per turn of the functions, which scale the photo down
)

// peerPages lists the pages that peers send.
var peerPages = []struct {
	label, file string
	make        func() []byte
}{
	{"2 MB PNG", "two.png", func() []byte { return pngPage(2_000_000) }},
	{"12 megapixels JPEG", "photo.jpg", func() []byte { return photo(4032, 3024) }},
}

// peerWait is the time of the OCR service: long enough for all concurrent calls to hold their pages in memory.
var peerWait = standin.Waits{OCR: 100 * time.Millisecond}

// peers makes each peer send the same pages to the same service, in turns, and then compares the functions from event
// to document.
func peers(r *run) error {
	build := exec.CommandContext(r.ctx, "go", "build", "-C", peerFolder, "-trimpath", "-ldflags=-s -w", "-o", r.bin,
		"./ours", "./plain", "./openaigo")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("building the peers: %w", err)
	}
	var here []peer
	for _, p := range r.allPeers() {
		if why := p.missing(); why != "" {
			fmt.Fprintf(r.out, "Left out: %s\n\n", why)
			continue
		}
		here = append(here, p)
	}
	r.world.SetWaits(peerWait)
	rows := [][]string{{"one call", "at once", "client", "call less the service's wait, mean ms", "ratio",
		"processor ms a call", "ratio", "peak MB", "ratio"}}
	for _, page := range peerPages {
		image := page.make()
		r.world.Put(page.file, image)
		file := filepath.Join(r.bin, page.file)
		if err := os.WriteFile(file, image, 0o600); err != nil {
			return err
		}
		for _, n := range []int{1, 8} {
			turns, err := r.peerTurns(here, file, n)
			if err != nil {
				return err
			}
			label := fmt.Sprintf("%s, %.1f MB", page.label, float64(len(image))/1e6)
			for i, p := range here {
				rows = append(rows, append([]string{label, strconv.Itoa(n), p.name}, turns[i].cells(turns[0])...))
			}
		}
	}
	table(r.out, rows)
	return r.wholeWay()
}

// peerUse holds the figures of a peer, one per turn.
type peerUse struct {
	calls, cpus []time.Duration
	peaks       []float64
}

// cells returns a peer's cells of a row, with ratios to the first peer.
func (u peerUse) cells(first peerUse) []string {
	ratio := func(a, b float64) string { return fmt.Sprintf("%.1f", a/b) }
	return []string{
		ms(median(u.calls)), ratio(median(u.calls).Seconds(), median(first.calls).Seconds()),
		ms(median(u.cpus)), ratio(median(u.cpus).Seconds(), median(first.cpus).Seconds()),
		fmt.Sprintf("%.0f", median(u.peaks)/1e6), ratio(median(u.peaks), median(first.peaks)),
	}
}

// peerTurns gives each peer its turns, each in a fresh process. Every round begins with another peer.
func (r *run) peerTurns(here []peer, file string, atOnce int) ([]peerUse, error) {
	uses := make([]peerUse, len(here))
	for round := range r.rounds {
		for k := range here {
			i := (round + k) % len(here)
			if err := r.peerTurn(here[i], file, atOnce, &uses[i]); err != nil {
				return nil, fmt.Errorf("%s: %w", here[i].name, err)
			}
		}
	}
	return uses, nil
}

// peerTurn runs one peer, checks with its first calls that pages arrive intact, and measures the others.
func (r *run) peerTurn(p peer, file string, atOnce int, use *peerUse) error {
	calls := peerCalls
	if atOnce == 1 {
		calls /= 2
	}
	cmd := exec.CommandContext(r.ctx, p.command[0], append(p.command[1:len(p.command):len(p.command)],
		"http://"+r.world.OCR, file, strconv.Itoa(atOnce), strconv.Itoa(calls))...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	r.world.Prove(true)
	defer r.world.Prove(false)
	before := r.world.Counts()
	if err := cmd.Start(); err != nil {
		return err
	}
	process, lines := &process{name: p.name, cmd: cmd, pid: cmd.Process.Pid}, bufio.NewReader(out)
	err = r.measurePeer(process, in, lines, use, calls)
	in.Close()
	if waited := cmd.Wait(); err == nil {
		err = waited
	}
	if c := r.world.Counts().Sub(before); err == nil && (c.Faults > 0 || c.Pages != int64(atOnce+calls)) {
		err = fmt.Errorf("pages are missing or damaged: %+v", c)
	}
	return err
}

func (r *run) measurePeer(p *process, in io.Writer, out *bufio.Reader, use *peerUse, calls int) error {
	if line, err := out.ReadString('\n'); err != nil || line != "warm\n" {
		return fmt.Errorf("unexpected output %q: %w", line, err)
	}
	r.world.Prove(false)
	begun, err := p.cpu()
	if err != nil {
		return err
	}
	waited := r.world.Waited()
	if _, err := io.WriteString(in, "begin\n"); err != nil {
		return err
	}
	line, err := out.ReadString('\n')
	if err != nil {
		return err
	}
	wait := (r.world.Waited() - waited) / time.Duration(calls)
	var took []float64
	if err := json.Unmarshal([]byte(strings.TrimSpace(line)), &took); err != nil || len(took) != calls {
		return fmt.Errorf("unexpected output %.100q: %w", line, err)
	}
	ended, err := p.cpu()
	if err != nil {
		return err
	}
	peak, err := p.residentMemory("VmHWM")
	var sum time.Duration
	for _, t := range took {
		sum += time.Duration(t * float64(time.Millisecond))
	}
	use.calls = append(use.calls, sum/time.Duration(calls)-wait)
	use.cpus = append(use.cpus, (ended-begun)/time.Duration(calls))
	use.peaks = append(use.peaks, float64(peak))
	return err
}

// wholeWay compares the function with the yardstick, from event to document, with the same pages.
func (r *run) wholeWay() error {
	defer func(n int) { r.events = n }(r.events)
	r.events = peerEvents
	rows := [][]string{{"from the event to the document", "at once", "processor ms an event: bucketocr", "yardstick",
		"ratio, median of rounds", "peak MB: bucketocr", "yardstick", "ratio"}}
	for _, page := range peerPages {
		r.world.SetWaits(standin.Waits{})
		us, them, err := r.throughputOf(page.file)
		if err != nil {
			return err
		}
		ratios := make([]float64, len(us))
		for i := range us {
			ratios[i] = them[i].Seconds() / us[i].Seconds()
		}
		r.world.SetWaits(slow)
		for _, n := range []int{1, 8} {
			ourPeak, err := r.peak(ours, page.file, n)
			if err != nil {
				return err
			}
			theirPeak, err := r.peak(theirs, page.file, n)
			if err != nil {
				return err
			}
			rows = append(rows, []string{page.label, strconv.Itoa(n), ms(median(us)), ms(median(them)),
				fmt.Sprintf("%.2f", median(ratios)), mb(ourPeak), mb(theirPeak),
				fmt.Sprintf("%.2f", float64(theirPeak)/float64(ourPeak))})
		}
	}
	fmt.Fprintln(r.out)
	table(r.out, rows)
	return nil
}
