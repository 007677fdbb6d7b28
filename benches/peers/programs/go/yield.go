package main

import (
	"runtime"
	"strconv"
	"time"
)

// The first goroutine counts turns and time; the others only yield.
func yields(tasks, turns int) {
	isDone := false
	counts := make(chan int, tasks)
	for i := 1; i < tasks; i++ {
		go func() {
			count := 0
			for !isDone {
				runtime.Gosched()
				count++
			}
			counts <- count
		}()
	}
	runtime.Gosched()
	mine := 1
	ready()
	for asked() {
		start := time.Now()
		for i := 0; i < turns; i++ {
			runtime.Gosched()
		}
		answer(time.Since(start), tasks*turns)
		mine += turns
	}
	// Only one goroutine runs at a time, and each reads isDone after its turn.
	isDone = true
	for i := 1; i < tasks; i++ {
		theirs := <-counts
		if slack := 2 + mine/10; theirs < mine-slack || theirs > mine+slack {
			panic("goroutines did not get equal turns: " + strconv.Itoa(theirs) + " against " + strconv.Itoa(mine))
		}
	}
}
