package main

import (
	"sync"
	"time"
)

var results [1024]int

// Spawns and joins batches; a join is a wait group's, the cheapest that Go has.
func spawns(batch, batches int) {
	ready()
	for asked() {
		start := time.Now()
		for i := 0; i < batches; i++ {
			var group sync.WaitGroup
			group.Add(batch)
			for j := 0; j < batch; j++ {
				go func(j int) {
					results[j] = j
					group.Done()
				}(j)
			}
			group.Wait()
		}
		answer(time.Since(start), batch*batches)
	}
}
