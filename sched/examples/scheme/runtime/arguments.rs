//! The arguments of a call with any number of them: four in registers, the rest in the task.

use crate::scheme::codegen::REGISTER_ARGUMENTS;
use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::value::Value;

/// A view of the arguments. While it lives, those in the task are roots.
#[derive(Debug)]
pub struct Arguments<'a> {
    machine: &'a Machine<'a>,
    first: &'a [Value; REGISTER_ARGUMENTS],
    count: usize,
}

impl<'a> Arguments<'a> {
    /// `count` arguments, of which `first` came in registers.
    pub fn new(
        machine: &'a Machine<'a>,
        first: &'a [Value; REGISTER_ARGUMENTS],
        count: usize,
    ) -> Arguments<'a> {
        machine.keep_arguments(count.saturating_sub(REGISTER_ARGUMENTS));
        Arguments { machine, first, count }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Argument `index`, from 0.
    pub fn get(&self, index: usize) -> Option<Value> {
        (index < self.count).then(|| match self.first.get(index) {
            Some(value) => *value,
            None => self.machine.state().argument(index - REGISTER_ARGUMENTS),
        })
    }

    /// All of them in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Value> + '_ {
        (0..self.count).filter_map(|i| self.get(i))
    }

    /// Refuses more than `most` arguments; too few are refused by the caller, which knows the minimum.
    ///
    /// # Errors
    ///
    /// [`Fault::ArgumentCount`].
    pub fn at_most(&self, procedure: &'static str, most: usize) -> Result<(), Fault> {
        if self.count <= most {
            return Ok(());
        }
        let takes = format!("at most {most} arguments");
        Err(Fault::ArgumentCount { procedure: procedure.into(), takes, got: self.count })
    }
}

impl Drop for Arguments<'_> {
    fn drop(&mut self) {
        self.machine.keep_arguments(0);
    }
}
