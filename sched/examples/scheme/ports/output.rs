//! Writing to ports, and what output ports in memory have collected.

use crate::scheme::fault::Fault;
use crate::scheme::primitives::bytevectors::{bytes, overwrite};

use super::held::Held;
use super::{BUFFER, END};

impl Held<'_> {
    /// Writes all bytes.
    ///
    /// # Errors
    ///
    /// [`Fault::File`], [`Fault::OutOfMemory`].
    pub fn put(&self, new: &[u8]) -> Result<(), Fault> {
        match self.port.channel() {
            Some(channel) => self.machine.scheme().channels.write(self.procedure, channel, new),
            None => self.collect(new),
        }
    }

    fn collect(&self, new: &[u8]) -> Result<(), Fault> {
        let end = self.index(END);
        let needed = end + new.len();
        if self.port.buffer().is_none_or(|buffer| buffer.header().length() < needed) {
            let mut grown = self.collected().to_vec();
            grown.resize(needed.next_power_of_two().max(64), 0);
            let buffer = self.machine.bytevector(&grown)?;
            self.machine.store(self.port.0, BUFFER, buffer);
        }
        if let Some(buffer) = self.port.buffer() {
            overwrite(buffer, end, new);
        }
        self.set_index(END, needed);
        Ok(())
    }

    /// What was written to a port in memory.
    pub fn collected(&self) -> &[u8] {
        self.port.buffer().and_then(|buffer| bytes(buffer).get(..self.index(END))).unwrap_or_default()
    }

    /// Writes what is buffered outside of the heap.
    ///
    /// # Errors
    ///
    /// [`Fault::File`].
    pub fn flush(&self) -> Result<(), Fault> {
        let channels = &self.machine.scheme().channels;
        self.port.channel().map_or(Ok(()), |channel| channels.flush(self.procedure, channel))
    }
}
