//! A port that one task uses: every operation is done as a whole, whatever other tasks want with the port meanwhile.
//!
//! ```text
//!   Held::of ── the lock word is free: taken ──▶ Held ── operation, may stop for the collector ──▶ dropped: free again
//!       ▲                  │ is taken
//!       └── others run ◀───┘
//! ```
//!
//! An operation may allocate, which is a safepoint: a lock that blocks the OS thread would keep the collector from
//! stopping whoever waits for it. So who finds a port taken lets other tasks run, and tries again. The task that has
//! the port never waits for another: it can always go on, and gives the port back even if the operation fails.

use std::sync::atomic::Ordering;

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::primitives::check::wrong;
use crate::scheme::value::Value;

use super::{Flags, LOCK, Port};

/// A port that nobody else can use as long as this exists, and the procedure that uses it.
#[derive(Debug)]
pub struct Held<'m> {
    pub(super) port: Port,
    pub(super) machine: &'m Machine<'m>,
    pub(super) procedure: &'static str,
}

impl<'m> Held<'m> {
    /// The port, as soon as no other task uses it. A safepoint.
    pub fn of(port: Port, machine: &'m Machine<'m>, procedure: &'static str) -> Held<'m> {
        let word = port.0.word(LOCK);
        while word
            .compare_exchange(Value::FALSE.0, Value::TRUE.0, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            machine.current().yield_now();
        }
        Held { port, machine, procedure }
    }

    /// The open port with these flags that argument `position` of `procedure` must be.
    ///
    /// # Errors
    ///
    /// [`Fault::WrongType`] for another one, [`Fault::Unfit`] for a closed one.
    pub fn open(
        machine: &'m Machine<'m>,
        procedure: &'static str,
        position: usize,
        value: Value,
        direction: Flags,
    ) -> Result<Held<'m>, Fault> {
        let expected = if direction == Flags::INPUT { "an input port" } else { "an output port" };
        let port = ObjectRef::of(value, Kind::Port).map(Port).filter(|port| port.flags().has(direction));
        let port = port.ok_or_else(|| wrong(procedure, position, expected, value))?;
        let held = Held::of(port, machine, procedure);
        if held.port.flags().has(Flags::OPEN) {
            return Ok(held);
        }
        Err(Fault::Unfit { procedure, what: "the port is closed".into() })
    }

    pub(super) fn index(&self, field: usize) -> usize {
        self.port.index(field)
    }

    pub(super) fn set_index(&self, field: usize, value: usize) {
        self.machine.store(self.port.0, field, Value::index(value));
    }

    /// Closes it. A second time is no error.
    ///
    /// # Errors
    ///
    /// [`Fault::File`] if the rest of the output cannot be written.
    pub fn close(&self) -> Result<(), Fault> {
        let flags = self.port.flags();
        self.set_index(super::FLAGS, flags.0 & !Flags::OPEN.0);
        let channel = self.port.channel();
        let channel = channel.filter(|channel| flags.has(Flags::OPEN) && *channel > super::channel::STDERR);
        channel.map_or(Ok(()), |channel| self.machine.scheme().channels.close(self.procedure, channel))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.port.0.word(LOCK).store(Value::FALSE.0, Ordering::Release);
    }
}
