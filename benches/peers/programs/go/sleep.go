package main

import (
	"sync"
	"time"
)

// Sleeps in n goroutines at once and measures the CPU time.
func sleeps(n int) {
	ready()
	for asked() {
		start := cpu()
		var group sync.WaitGroup
		group.Add(n)
		for i := 0; i < n; i++ {
			go func(i uint64) {
				// As sleep_us in ../../contender.rs.
				us := (i * 0x9E3779B97F4A7C15 >> 32) % 1_000_000
				time.Sleep(time.Duration(us) * time.Microsecond)
				group.Done()
			}(uint64(i))
		}
		group.Wait()
		answer(cpu()-start, n)
	}
}
