//go:build unix

package main

import "syscall"

const exeSuffix = ""

// ownGroup returns attributes that keep a terminal's Ctrl-C from reaching a child process.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
