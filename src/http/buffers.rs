//! The bytes of a connection on their way in and out.
//!
//! ureq's own buffers have their full size, 256 KiB, from the first byte on. These begin small, grow
//! while a message's head does not fit, and shrink again when a connection goes back to the pool:
//! thousands of connections then cost what they carry.

use ureq::unversioned::transport::Buffers;

/// Room that a read has at least.
const READ_SIZE: usize = 16 * 1024;
/// Room for what is sent at once.
const WRITE_SIZE: usize = 16 * 1024;

/// Bytes that were received and not consumed yet, room for more, and room for what is sent.
#[derive(Debug, Default)]
pub(super) struct Bytes {
    input: Vec<u8>,
    /// What of `input` is received and not consumed.
    start: usize,
    end: usize,
    output: Vec<u8>,
    /// Whether the last look at the input made use of some of it.
    has_progressed: bool,
}

impl Bytes {
    /// Gives back what was needed for once, if nothing is in it.
    pub(super) fn shrink(&mut self) {
        if self.start == self.end && self.input.len() > READ_SIZE {
            self.input = Vec::new();
        }
    }

    /// Has at least `n` bytes of room behind what is received.
    fn make_room(&mut self, n: usize) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.input.len() - self.end >= n {
            return;
        }
        self.input.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.input.len() - self.end < n {
            let doubled = 2 * self.end;
            self.input.resize(doubled.max(self.end + n), 0);
        }
    }

    fn have_output(&mut self) {
        if self.output.is_empty() {
            self.output.resize(WRITE_SIZE, 0);
        }
    }
}

impl Buffers for Bytes {
    fn output(&mut self) -> &mut [u8] {
        self.have_output();
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        &self.input[self.start..self.end]
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.make_room(READ_SIZE);
        &mut self.input[self.end..]
    }

    fn input_appended(&mut self, amount: usize) {
        self.end += amount;
        assert!(self.end <= self.input.len(), "more than there was room for");
    }

    fn input_consume(&mut self, amount: usize) {
        self.has_progressed = amount > 0;
        self.start += amount;
        assert!(self.start <= self.end, "more than there was");
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        self.make_room(READ_SIZE);
        self.have_output();
        (&mut self.input[self.end..], &mut self.output)
    }

    fn can_use_input(&self) -> bool {
        self.start < self.end && self.has_progressed
    }
}
