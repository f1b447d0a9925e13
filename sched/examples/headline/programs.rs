//! The interpreted programs, and one run of one of them.

use std::error::Error;
use std::time::{Duration, Instant};

use sched::CycleStats;

use crate::scheme::cli::Barriers;
use crate::scheme::runtime::run::start;
use crate::scheme::stacks;
use crate::scheme::{Options, build};

const INTERPRETER: &str = include_str!("interpreter.scm");

/// A program that the interpreter makes from its size.
#[derive(Debug)]
pub(crate) struct Program {
    /// Its name, in the interpreter too.
    pub(crate) name: &'static str,
    /// How large it usually is.
    pub(crate) size: usize,
    /// What it must answer, from its size. `None`: known for the usual size only, see `usual`.
    answer: Option<fn(usize) -> usize>,
    usual: usize,
}

/// In the order of the table.
pub(crate) const PROGRAMS: [Program; 4] = [
    Program { name: "ack", size: 1_000_000, answer: Some(|n| n + 2), usual: 1_000_002 },
    Program { name: "divrec", size: 1_000_000, answer: Some(|n| n), usual: 1_000_000 },
    Program { name: "map-over", size: 1_000_000, answer: Some(|n| n * (n + 1)), usual: 1_000_001_000_000 },
    Program { name: "paraffins", size: 11, answer: None, usual: 1238 },
];

/// What one run gave.
#[derive(Debug)]
pub(crate) struct Run {
    /// Every collection.
    pub(crate) cycles: Vec<CycleStats>,
    /// From spawn to join.
    pub(crate) total: Duration,
}

impl Program {
    /// Interprets it on a fresh runtime.
    pub(crate) fn run(
        &self,
        size: usize,
        barriers: Barriers,
        workers: usize,
        stack_limit: usize,
    ) -> Result<Run, Box<dyn Error>> {
        let source = format!("{INTERPRETER}\n(interpret ({} {size}))", self.name);
        let scheme = build("interpreter.scm", &source, Options::default())?;
        let spacing = barriers.spacing();
        let builder = stacks::runtime(scheme, spacing, stack_limit).ok_or("the stack limit is too large")?;
        let runtime = builder.workers(workers).start()?;
        // Or the figures would be called what they are not.
        barriers.on_host(runtime.barriers())?;
        let started = Instant::now();
        let answer: usize = start(&runtime)?.join()??.parse()?;
        let total = started.elapsed();
        self.check(size, answer)?;
        Ok(Run { cycles: runtime.take_cycles(), total })
    }

    fn check(&self, size: usize, answer: usize) -> Result<(), String> {
        let expected = match self.answer {
            Some(of) => of(size),
            None if size == self.size => self.usual,
            None => return Ok(()),
        };
        if answer == expected {
            return Ok(());
        }
        Err(format!("{} of {size} answered {answer} instead of {expected}", self.name))
    }
}
