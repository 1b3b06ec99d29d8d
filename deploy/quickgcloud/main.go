//go:build unix

// Command quickgcloud is gcloud on a test's PATH: it passes its arguments, environment, folder and streams to the real
// gcloud behind the socket QUICK_GCLOUD (server.py), and exits with that one's code.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

func main() {
	code, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickgcloud:", err)
		code = 4
	}
	os.Exit(code)
}

func run() (int, error) {
	dir, err := os.Getwd()
	if err != nil {
		return 0, err
	}
	env := map[string]string{}
	for _, e := range os.Environ() {
		name, value, _ := strings.Cut(e, "=")
		env[name] = value
	}
	request, err := json.Marshal(map[string]any{"args": os.Args[1:], "env": env, "dir": dir})
	if err != nil {
		return 0, err
	}
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: os.Getenv("QUICK_GCLOUD"), Net: "unix"})
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	request = append(request, '\n')
	n, _, err := conn.WriteMsgUnix(request, syscall.UnixRights(0, 1, 2), nil)
	if err != nil {
		return 0, err
	}
	if _, err := conn.Write(request[n:]); err != nil {
		return 0, err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return 0, fmt.Errorf("no exit code: %w", err)
	}
	if len(answer) != 1 {
		return 0, fmt.Errorf("no exit code: %v", answer)
	}
	return int(answer[0]), nil
}
