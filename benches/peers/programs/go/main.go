// Go as a contender: `peer WHAT NUMBERS...`, with the protocol of ../../contender.rs.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

func main() {
	// One core, as all contenders.
	runtime.GOMAXPROCS(1)
	endWithParent()
	if len(os.Args) < 3 {
		panic("usage: peer WHAT NUMBERS...")
	}
	switch os.Args[1] {
	case "yield":
		yields(number(2), number(3))
	case "spawn":
		spawns(number(2), number(3))
	case "queue":
		queues(number(2), number(3))
	case "sleep":
		sleeps(number(2))
	default:
		panic("no such contender: " + os.Args[1])
	}
}

func number(index int) int {
	n, err := strconv.Atoi(os.Args[index])
	if err != nil {
		panic(err)
	}
	return n
}

func ready() {
	fmt.Println("ready")
}

// Waits for a line. A raw system call blocks the thread without the scheduler's knowledge, which would run other goroutines
// meanwhile.
func asked() bool {
	var c [1]byte
	for c[0] != '\n' {
		n, _, _ := syscall.RawSyscall(syscall.SYS_READ, 0, uintptr(unsafe.Pointer(&c)), 1)
		if n != 1 {
			return false
		}
	}
	return true
}

func answer(elapsed time.Duration, n int) {
	fmt.Println(float64(elapsed.Nanoseconds()) / float64(n))
}

func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func endWithParent() {
	const setParentDeathSignal = 1
	syscall.RawSyscall(syscall.SYS_PRCTL, setParentDeathSignal, uintptr(syscall.SIGKILL), 0)
}
