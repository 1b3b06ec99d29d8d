package main

import "syscall"

const exeSuffix = ".exe"

// ownGroup returns attributes that keep a terminal's Ctrl-C from reaching a child process.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
