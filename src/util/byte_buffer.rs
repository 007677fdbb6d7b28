//! [`ByteBuffer`]: bytes that are appended at the end and consumed at the front.

use std::cell::RefCell;

/// The size in bytes of the memories that buffers of a thread share.
pub(crate) const SHARED_SIZE: usize = 8 * 1024;

/// How many memories a thread keeps for the next buffers.
const MAX_SHARED: usize = 32;

thread_local! {
    /// Memories of [`SHARED_SIZE`] that no buffer uses. They are initialised, so the next buffer need not write them.
    static SHARED: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer whose memory grows as needed and is reused as bytes are consumed.
#[derive(Debug, Default)]
pub(crate) struct ByteBuffer {
    /// Initialised memory. `memory[start..end]` holds the bytes that are not consumed yet.
    memory: Vec<u8>,
    start: usize,
    end: usize,
}

impl ByteBuffer {
    /// The bytes that are not consumed yet.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }

    /// Memory behind the bytes, to be filled: at least `n_min` bytes. [`appended`](Self::appended) says
    /// how many were filled.
    ///
    /// The bytes are moved to the front first if the space behind them is too small. If that does not
    /// suffice the memory doubles, so that appending costs amortized constant time.
    pub(crate) fn space(&mut self, n_min: usize) -> &mut [u8] {
        if self.memory.len() - self.end < n_min {
            self.memory.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.memory.is_empty() && n_min == SHARED_SIZE {
            let shared = SHARED.try_with(|shared| shared.borrow_mut().pop());
            self.memory = shared.ok().flatten().unwrap_or_default();
        }
        if self.memory.len() - self.end < n_min {
            let n_bytes = self.end.saturating_mul(2).max(self.end + n_min);
            self.memory.resize(n_bytes, 0);
        }
        &mut self.memory[self.end..]
    }

    /// Adds the first `n` bytes of [`space`](Self::space).
    pub(crate) fn appended(&mut self, n: usize) {
        assert!(
            n <= self.memory.len() - self.end,
            "more bytes than there is space for"
        );
        self.end += n;
    }

    /// Removes the first `n` bytes.
    pub(crate) fn consume(&mut self, n: usize) {
        assert!(n <= self.end - self.start, "more bytes than the buffer has");
        self.start += n;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Gives up the memory of an empty buffer, for the next buffer of this thread.
    pub(crate) fn give_back(&mut self) {
        if self.start < self.end {
            return;
        }
        let memory = std::mem::take(self).memory;
        if memory.len() == SHARED_SIZE {
            // While the thread ends, the memory is freed.
            let _ = SHARED.try_with(|shared| {
                let mut shared = shared.borrow_mut();
                if shared.len() < MAX_SHARED {
                    shared.push(memory);
                }
            });
        }
    }

    /// Frees the memory if the buffer is empty and has more than `n_kept` bytes of memory.
    pub(crate) fn shrink(&mut self, n_kept: usize) {
        if self.start == self.end && self.memory.len() > n_kept {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn an_empty_buffer_hands_its_memory_to_the_next() {
        let (mut first, mut second) = (ByteBuffer::default(), ByteBuffer::default());
        let memory = first.space(SHARED_SIZE).as_ptr();
        first.appended(1);
        first.give_back();
        assert_eq!(first.bytes().as_ptr(), memory, "it has a byte");
        first.consume(1);
        first.give_back();
        assert_eq!(second.space(SHARED_SIZE).as_ptr(), memory);
        assert_ne!(first.space(SHARED_SIZE).as_ptr(), memory);
    }

    #[test]
    fn a_refused_length_changes_nothing() {
        let mut buffer = ByteBuffer::default();
        buffer.space(8)[..3].copy_from_slice(b"abc");
        buffer.appended(3);
        buffer.consume(1);
        for n in [3, usize::MAX] {
            let mut consume = || buffer.consume(n);
            assert!(catch_unwind(AssertUnwindSafe(&mut consume)).is_err());
            let mut append = || buffer.appended(SHARED_SIZE.max(n));
            assert!(catch_unwind(AssertUnwindSafe(&mut append)).is_err());
            assert_eq!(buffer.bytes(), b"bc");
        }
    }
}
