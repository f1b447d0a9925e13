//! Runs a Scheme program, compiled to machine code, on green threads with a concurrent collector.
//!
//! ```sh
//! cargo run --release -p sched --example scheme -- FILE.scm
//! ```

#[path = "mod.rs"]
mod scheme;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use barrier_arch::Spacing;
use clap::{Parser, ValueEnum};
use sched::{PooledStacks, Runtime};
use stack_alloc::GuardPages;

use scheme::fault::{Failure, Fault};
use scheme::runtime::run::run;
use scheme::stacks::{WithRedZone, roomy_stack_bytes};
use scheme::{Options, build};

/// Compile and run a Scheme program.
#[derive(Debug, Parser)]
#[command(name = "scheme")]
struct Arguments {
    /// The program
    file: PathBuf,
    /// Where the collector puts stack barriers
    #[arg(long, value_enum, default_value_t = Barriers::On)]
    barriers: Barriers,
    /// After each collection, mark again with the world stopped and compare
    #[arg(long)]
    verify: bool,
    /// A line about each collection on standard error
    #[arg(long)]
    gc_trace: bool,
    /// Collect at every allocation
    #[arg(long)]
    gc_stress: bool,
    /// Collect with the world stopped from end to end
    #[arg(long)]
    stop_the_world: bool,
    /// OS threads that run tasks
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Most stack that the program may use (suffixes K, M, G)
    #[arg(long, value_name = "BYTES", default_value = "1G", value_parser = bytes)]
    stack_limit: usize,
    /// Most heap that it may use (suffixes K, M, G)
    #[arg(long, value_name = "BYTES", default_value = "4G", value_parser = bytes)]
    heap_limit: usize,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Barriers {
    /// None: the collector scans the whole stack twice
    Off,
    /// At doubling distances
    On,
    /// At every frame, to find mistakes
    EveryFrame,
}

impl Barriers {
    fn spacing(self) -> Spacing {
        match self {
            Barriers::Off => Spacing::Off,
            Barriers::On => Spacing::default(),
            Barriers::EveryFrame => Spacing::EveryFrame,
        }
    }
}

/// A size with an optional suffix.
fn bytes(text: &str) -> Result<usize, String> {
    let (digits, shift) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 10),
        Some((at, 'm' | 'M')) => (&text[..at], 20),
        Some((at, 'g' | 'G')) => (&text[..at], 30),
        _ => (text, 0),
    };
    let number: usize =
        digits.parse().map_err(|_| "not a number of bytes; write 4096, 64K, 16M or 1G".to_owned())?;
    let size = number.checked_mul(1 << shift).filter(|size| *size > 0);
    size.ok_or_else(|| "the size must be more than 0 and fit the address space".to_owned())
}

/// Why the program did not run to its end.
#[derive(Debug, thiserror::Error)]
enum Unsuccessful {
    #[error("cannot read {}: {source}", file.display())]
    File { file: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Build(#[from] scheme::BuildError),
    #[error("cannot start: {0}")]
    Start(#[from] sched::StartError),
    #[error("cannot start: {0}")]
    Spawn(#[from] sched::SpawnError),
    #[error("a stack of {0} bytes is too large")]
    Stack(usize),
    #[error("{0}")]
    Crash(sched::JoinError),
    #[error(transparent)]
    Failed(#[from] Failure),
}

fn main() -> ExitCode {
    match execute(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Unsuccessful::Failed(Failure { fault: Fault::Exit(code), .. })) => ExitCode::from(code as u8),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn execute(arguments: &Arguments) -> Result<(), Unsuccessful> {
    let source = read(&arguments.file)?;
    let file = arguments.file.display().to_string();
    let options =
        Options { heap_limit: arguments.heap_limit, gc_stress: arguments.gc_stress, ..Options::default() };
    let scheme = build(&file, &source, options)?;
    let runtime = start(arguments, scheme)?;
    let task = runtime.spawn(run)?;
    let result = task.join().map_err(Unsuccessful::Crash)?;
    // What the program has written comes before what we say.
    runtime.language().with_output(|out| out.flush()).ok();
    result?;
    Ok(())
}

fn read(file: &Path) -> Result<String, Unsuccessful> {
    std::fs::read_to_string(file).map_err(|source| Unsuccessful::File { file: file.into(), source })
}

fn start(arguments: &Arguments, scheme: scheme::Scheme) -> Result<Runtime<scheme::Scheme>, Unsuccessful> {
    let spacing = arguments.barriers.spacing();
    let size = roomy_stack_bytes(arguments.stack_limit, spacing)
        .ok_or(Unsuccessful::Stack(arguments.stack_limit))?;
    let stacks = WithRedZone::new(PooledStacks::new(spacing, GuardPages::Off), arguments.stack_limit);
    let phases = scheme.phases();
    let mut builder = Runtime::builder(scheme).phases(Arc::clone(&phases));
    builder = builder.workers(arguments.workers).stack_bytes(size).stacks(stacks).spacing(spacing);
    builder = builder.verify(arguments.verify).stop_the_world(arguments.stop_the_world);
    if arguments.gc_trace {
        builder = builder.trace(true);
    }
    Ok(builder.start()?)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_have_suffixes() {
        assert_eq!(bytes("4096"), Ok(4096));
        assert_eq!(bytes("64K"), Ok(64 << 10));
        assert_eq!(bytes("16m"), Ok(16 << 20));
        assert_eq!(bytes("1G"), Ok(1 << 30));
        for bad in ["", "G", "1.5G", "-1", "0", "99999999999G", "12Q"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }
}
