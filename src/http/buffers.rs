//! [`ConnectionBuffers`]: the bytes that a connection receives and sends.
//!
//! ureq's own buffers allocate their full size, 256 KiB, at once. These start small, grow while the head of
//! a response does not fit, and shrink when a connection becomes idle: thousands of connections use memory
//! for what they carry only.

use ureq::unversioned::transport::Buffers;

use crate::util::byte_buffer::ByteBuffer;

/// The least space that a read gets.
const READ_SIZE: usize = 16 * 1024;
/// The size of the buffer for output, which has to hold each line of a request's head.
pub(super) const WRITE_SIZE: usize = 16 * 1024;

#[derive(Debug, Default)]
pub(super) struct ConnectionBuffers {
    /// Bytes that were received and not consumed yet.
    input: ByteBuffer,
    /// Empty until the first request.
    output: Vec<u8>,
    /// Whether the last `input_consume` consumed bytes.
    has_progressed: bool,
}

impl ConnectionBuffers {
    /// Frees memory that was needed for one response, if the input is empty.
    pub(super) fn shrink(&mut self) {
        self.input.shrink(READ_SIZE);
    }
}

impl Buffers for ConnectionBuffers {
    fn output(&mut self) -> &mut [u8] {
        allocated(&mut self.output)
    }

    fn input(&self) -> &[u8] {
        self.input.bytes()
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.input.space(READ_SIZE)
    }

    fn input_appended(&mut self, amount: usize) {
        self.input.appended(amount);
    }

    fn input_consume(&mut self, amount: usize) {
        self.has_progressed = amount > 0;
        self.input.consume(amount);
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        (self.input.space(READ_SIZE), allocated(&mut self.output))
    }

    fn can_use_input(&self) -> bool {
        !self.input.bytes().is_empty() && self.has_progressed
    }
}

/// The buffer for output, allocated on its first use.
fn allocated(output: &mut Vec<u8>) -> &mut [u8] {
    if output.is_empty() {
        output.resize(WRITE_SIZE, 0);
    }
    output
}

/// Bytes that were received after those in a connection's buffer.
#[derive(Debug, Default)]
pub(super) struct HeldInput(pub(super) Vec<u8>);

impl HeldInput {
    /// Moves bytes to the buffer, as far as it has space. Returns whether it has any.
    pub(super) fn append_to(&mut self, buffers: &mut dyn Buffers) -> bool {
        let space = buffers.input_append_buf();
        let n = self.0.len().min(space.len());
        space[..n].copy_from_slice(&self.0[..n]);
        self.0.drain(..n);
        if self.0.is_empty() {
            // An idle connection keeps no memory for them.
            self.0 = Vec::new();
        }
        buffers.input_appended(n);
        n > 0
    }

    /// Replaces the bytes in the buffer. Those for which the buffer has no space are held.
    pub(super) fn replace_input(&mut self, buffers: &mut dyn Buffers, bytes: &[u8]) {
        buffers.input_consume(buffers.input().len());
        let space = buffers.input_append_buf();
        let n = bytes.len().min(space.len());
        space[..n].copy_from_slice(&bytes[..n]);
        buffers.input_appended(n);
        self.0.splice(..0, bytes[n..].iter().copied());
    }
}
