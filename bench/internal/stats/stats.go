// Package stats lets the harness look into a process that it measures: counts of allocations, and profiles.
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

// Env names the variable that holds the address to serve on; unset, nothing is served.
const Env = "BENCH_STATS"

// Stats are totals since the process began.
type Stats struct {
	Bytes   uint64 // allocated on the heap
	Objects uint64
	Cycles  uint32 // of the garbage collector
}

// Serve begins to serve in the background, if it is asked for.
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
	// who asked may have left
	_ = json.NewEncoder(w).Encode(Stats{Bytes: m.TotalAlloc, Objects: m.Mallocs, Cycles: m.NumGC})
}
