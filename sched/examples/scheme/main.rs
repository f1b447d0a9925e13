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

use clap::Parser;
use sched::{PooledStacks, Runtime};
use stack_alloc::GuardPages;

use scheme::cli::{Barriers, bytes};
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
    /// Watch for write barriers that the compiler left out
    #[arg(long)]
    oracle: bool,
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

/// Why the program did not run to its end.
#[derive(Debug, thiserror::Error)]
enum Unsuccessful {
    #[error("cannot read {}: {source}", file.display())]
    File { file: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Build(#[from] scheme::BuildError),
    #[error("{0} (--barriers off)")]
    Host(#[from] barrier_arch::host::Unsupported),
    #[error("cannot start: {0}")]
    Start(#[from] sched::StartError),
    #[error("cannot start: {0}")]
    Spawn(#[from] sched::SpawnError),
    #[error("a stack of {0} bytes is too large")]
    Stack(usize),
    #[error("{0}")]
    Crash(sched::JoinError),
    #[error(transparent)]
    Failed(#[from] Box<Failure>),
}

impl Unsuccessful {
    /// Tells the user; `(exit n)` is no news.
    fn report(&self) -> ExitCode {
        if let Unsuccessful::Failed(failure) = self
            && let Fault::Exit(code) = failure.fault
        {
            return ExitCode::from(code as u8);
        }
        eprintln!("{self}");
        ExitCode::FAILURE
    }
}

fn main() -> ExitCode {
    match execute(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
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
    runtime.language().channels.flush_all();
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
    builder = builder.verify(arguments.verify).oracle(arguments.oracle);
    builder = builder.stop_the_world(arguments.stop_the_world);
    if arguments.gc_trace {
        builder = builder.trace(true);
    }
    let runtime = builder.start()?;
    arguments.barriers.on_host(runtime.barriers())?;
    Ok(runtime)
}
