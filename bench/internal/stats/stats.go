// Package stats serves a measured process's allocation counts and profiles to the harness.
package stats

import (
	"encoding/json"
	"log"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime"
)

// Env names the variable with the address to serve on; if it is unset, nothing is served.
const Env = "BENCH_STATS"

// Stats holds totals since the process started.
type Stats struct {
	Bytes   uint64 // allocated on the heap
	Objects uint64
	Cycles  uint32 // garbage collections
}

// Serve starts serving in the background, if Env is set.
func Serve() {
	addr := os.Getenv(Env)
	if addr == "" {
		return
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/stats", write)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	go func() { log.Fatal(http.Serve(l, mux)) }()
}

func write(w http.ResponseWriter, _ *http.Request) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	// the client may be gone
	_ = json.NewEncoder(w).Encode(Stats{Bytes: m.TotalAlloc, Objects: m.Mallocs, Cycles: m.NumGC})
}
