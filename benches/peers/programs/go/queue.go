package main

import "time"

// The consumer orders a number of items and measures the time until it has them.
func queues(capacity, items int) {
	orders := make(chan int, 1)
	queue := make(chan int, capacity)
	go func() {
		for n := range orders {
			for i := 0; i < n; i++ {
				queue <- i
			}
		}
	}()
	ready()
	for asked() {
		start := time.Now()
		orders <- items
		for i := 0; i < items; i++ {
			if <-queue != i {
				panic("items came in another order")
			}
		}
		answer(time.Since(start), items)
	}
	close(orders)
}
