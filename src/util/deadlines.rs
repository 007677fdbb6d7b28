//! Deadlines in order: a radix heap over nanoseconds.
//!
//! An entry is in the bucket of the highest bit in which its deadline differs from the last passed
//! deadline. Pushing is an append. Passing a deadline moves the entries of the first bucket to lower
//! buckets, each at most once a bit, in the order of memory. So a million timers cost no random access
//! until they are due; a binary heap or a wheel of linked frames spends its time on random accesses
//! (benches/timer.rs). Entries of equal deadlines keep their order, because buckets are emptied in order.
//!
//! Empty buckets share their buffers, so a loop whose number of timers does not grow allocates nothing.
//! The owner sweeps cancelled entries when they are the majority.

/// The heap. `K` names what is due at a deadline; the owner knows whether it was cancelled.
#[derive(Debug)]
pub(crate) struct Deadlines<K> {
    buckets: [Bucket<K>; 65],
    /// A bit for each bucket that has entries.
    full: u128,
    /// The last passed deadline: no entry in a bucket is earlier.
    last: u64,
    /// Entries that were pushed with an earlier deadline than `last`.
    overdue: Vec<(u64, K)>,
    /// Buffers of empty buckets, by growing capacity.
    spares: Vec<Vec<(u64, K)>>,
    len: usize,
}

/// Initial capacity of a buffer.
const INITIAL_CAPACITY: usize = 128;
/// Buffers of a larger capacity are not kept as spares.
const MAX_SPARE_CAPACITY: usize = 4096;

#[derive(Debug)]
struct Bucket<K> {
    entries: Vec<(u64, K)>,
    earliest: u64,
}

impl<K: Copy> Deadlines<K> {
    pub(crate) fn new() -> Self {
        Self {
            buckets: std::array::from_fn(|_| Bucket {
                entries: Vec::new(),
                earliest: u64::MAX,
            }),
            full: 0,
            last: 0,
            overdue: Vec::new(),
            // At most one for each bucket, and one in use.
            spares: Vec::with_capacity(66),
            len: 0,
        }
    }

    /// Number of entries, cancelled ones included.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, deadline: u64, key: K) {
        self.len += 1;
        if deadline < self.last {
            self.overdue.push((deadline, key));
        } else {
            self.place(deadline, key);
        }
    }

    fn place(&mut self, deadline: u64, key: K) {
        let index = 64 - (deadline ^ self.last).leading_zeros() as usize;
        let bucket = &mut self.buckets[index];
        if bucket.entries.capacity() == 0 {
            let spare = self.spares.pop();
            bucket.entries = spare.unwrap_or_else(|| Vec::with_capacity(INITIAL_CAPACITY));
        }
        bucket.entries.push((deadline, key));
        bucket.earliest = bucket.earliest.min(deadline);
        self.full |= 1 << index;
    }

    /// The first bucket that has entries: the earliest but for the overdue ones.
    fn first(&self) -> Option<usize> {
        (self.full != 0).then(|| self.full.trailing_zeros() as usize)
    }

    /// The earliest deadline.
    pub(crate) fn earliest(&self) -> Option<u64> {
        if let Some(earliest) = self.overdue.iter().map(|entry| entry.0).min() {
            return Some(earliest);
        }
        Some(self.buckets[self.first()?].earliest)
    }

    /// Moves every entry whose deadline is not after `now` into `due`, in order.
    pub(crate) fn pass(&mut self, now: u64, due: &mut Vec<K>) {
        let before = due.len();
        if !self.overdue.is_empty() {
            // Stable: entries of equal deadlines stay in order.
            self.overdue.sort_by_key(|entry| entry.0);
            due.extend(self.overdue.drain(..).map(|entry| entry.1));
        }
        while let Some(index) = self.first() {
            let earliest = self.buckets[index].earliest;
            if earliest > now {
                break;
            }
            self.last = earliest;
            let mut entries = std::mem::take(&mut self.buckets[index].entries);
            self.buckets[index].earliest = u64::MAX;
            self.full &= !(1 << index);
            if index == 0 {
                due.extend(entries.drain(..).map(|entry| entry.1));
            } else {
                for (deadline, key) in entries.drain(..) {
                    self.place(deadline, key);
                }
            }
            self.keep(entries);
        }
        self.len -= due.len() - before;
    }

    /// Keeps an empty buffer for the next bucket that needs one, unless its capacity is large.
    fn keep(&mut self, buffer: Vec<(u64, K)>) {
        let capacity = buffer.capacity();
        if (1..=MAX_SPARE_CAPACITY).contains(&capacity) {
            let place = self
                .spares
                .partition_point(|spare| spare.capacity() <= capacity);
            self.spares.insert(place, buffer);
        }
    }

    /// Drops the entries for which `is_wanted` is false.
    pub(crate) fn retain(&mut self, mut is_wanted: impl FnMut(&K) -> bool) {
        self.overdue.retain(|entry| is_wanted(&entry.1));
        self.len = self.overdue.len();
        for (index, bucket) in self.buckets.iter_mut().enumerate() {
            bucket.entries.retain(|entry| is_wanted(&entry.1));
            let earliest = bucket.entries.iter().map(|entry| entry.0).min();
            bucket.earliest = earliest.unwrap_or(u64::MAX);
            bucket
                .entries
                .shrink_to(2 * bucket.entries.len().max(INITIAL_CAPACITY));
            self.len += bucket.entries.len();
            if bucket.entries.is_empty() {
                self.full &= !(1 << index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(deadlines: &mut Deadlines<u32>, now: u64) -> Vec<u32> {
        let mut due = Vec::new();
        deadlines.pass(now, &mut due);
        due
    }

    #[test]
    fn equal_deadlines_come_in_the_order_of_pushes() {
        let mut deadlines = Deadlines::new();
        for (key, deadline) in [50, 20, 50, 1 << 40, 20, 0].into_iter().enumerate() {
            deadlines.push(deadline, key as u32);
        }
        assert_eq!(deadlines.earliest(), Some(0));
        assert_eq!(passed(&mut deadlines, 20), [5, 1, 4]);
        deadlines.push(50, 6);
        assert!(passed(&mut deadlines, 49).is_empty());
        assert_eq!(passed(&mut deadlines, 50), [0, 2, 6]);
        assert_eq!((deadlines.len(), deadlines.earliest()), (1, Some(1 << 40)));
    }

    #[test]
    fn deadlines_pushed_overdue_are_sorted_too() {
        let mut deadlines = Deadlines::new();
        deadlines.push(100, 0);
        assert_eq!(passed(&mut deadlines, 100), [0]);
        deadlines.push(30, 1);
        deadlines.push(10, 2);
        deadlines.push(30, 3);
        deadlines.push(100, 4);
        assert_eq!(passed(&mut deadlines, 100), [2, 1, 3, 4]);
    }

    #[test]
    fn deadlines_come_out_sorted() {
        let mut deadlines = Deadlines::new();
        let mut model: Vec<(u64, u32)> = Vec::new();
        let (mut seed, mut now) = (7_u64, 0_u64);
        for key in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let deadline = now
                .saturating_add(seed >> (20 + (seed & 31)))
                .saturating_sub(3);
            deadlines.push(deadline, key);
            model.push((deadline, key));
            if key % 97 == 0 {
                now += seed >> 50;
                model.sort();
                let n = model.partition_point(|entry| entry.0 <= now);
                let expected: Vec<u32> = model.drain(..n).map(|entry| entry.1).collect();
                assert_eq!(passed(&mut deadlines, now), expected);
                assert_eq!(deadlines.earliest(), model.first().map(|entry| entry.0));
            }
        }
    }

    #[test]
    fn sweeping_leaves_the_rest_in_order() {
        let mut deadlines = Deadlines::new();
        (0..1000).for_each(|n| deadlines.push(u64::from(n * 7919 % 1000), n));
        deadlines.retain(|key| key % 10 == 0);
        assert_eq!(deadlines.len(), 100);
        let due = passed(&mut deadlines, u64::MAX);
        assert!(due.is_sorted_by_key(|n| n * 7919 % 1000));
        assert_eq!(due.len(), 100);
    }
}
