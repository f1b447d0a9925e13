//! Writing to ports, and what output ports in memory have collected.

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::primitives::bytevectors::{bytes, overwrite};

use super::{BUFFER, END, Port};

impl Port {
    /// Writes all bytes.
    ///
    /// # Errors
    ///
    /// [`Fault::File`], [`Fault::OutOfMemory`].
    pub fn put(self, machine: &Machine<'_>, procedure: &'static str, new: &[u8]) -> Result<(), Fault> {
        match self.channel() {
            Some(channel) => machine.scheme().channels.write(procedure, channel, new),
            None => self.collect(machine, new),
        }
    }

    fn collect(self, machine: &Machine<'_>, new: &[u8]) -> Result<(), Fault> {
        let end = self.index(END);
        let needed = end + new.len();
        if self.buffer().is_none_or(|buffer| buffer.header().length() < needed) {
            let mut grown = self.collected().to_vec();
            grown.resize(needed.next_power_of_two().max(64), 0);
            let buffer = machine.bytevector(&grown)?;
            machine.store(self.0, BUFFER, buffer);
        }
        if let Some(buffer) = self.buffer() {
            overwrite(buffer, end, new);
        }
        self.set_index(machine, END, needed);
        Ok(())
    }

    /// What was written to a port in memory.
    pub fn collected(self) -> &'static [u8] {
        self.buffer().and_then(|buffer| bytes(buffer).get(..self.index(END))).unwrap_or_default()
    }

    /// Writes what is buffered outside of the heap.
    ///
    /// # Errors
    ///
    /// [`Fault::File`].
    pub fn flush(self, machine: &Machine<'_>, procedure: &'static str) -> Result<(), Fault> {
        self.channel().map_or(Ok(()), |channel| machine.scheme().channels.flush(procedure, channel))
    }
}
