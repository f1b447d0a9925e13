//! Runs a Scheme program, compiled to machine code, on green threads with a concurrent collector.
//!
//! ```sh
//! cargo run --release -p sched --example scheme -- FILE.scm
//! ```

mod profile;
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the profiler of the integration tests, of which a part is needed"
)]
#[path = "../../../integration-tests/src/profiler.rs"]
mod profiler;
#[path = "mod.rs"]
mod scheme;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use sched::{CycleStats, Runtime};

use scheme::cli::{Barriers, Stacks, bytes, count};
use scheme::fault::{Failure, Fault};
use scheme::prompt;
use scheme::report::{Source, Times};
use scheme::runtime::run::start as start_program;
use scheme::stacks;
use scheme::{Options, build};

/// What `--help` says of the language.
const LANGUAGE: &str = "\
The language is R7RS-small, with hash tables (SRFI 69), sorting, boxes (SRFI 111), and tasks:

  (spawn THUNK)  (join TASK [MS [VALUE]])  (yield)  (sleep MS)
  (make-channel [CAPACITY])  (channel-send CH VALUE [MS [VALUE]])  (channel-receive CH [MS [VALUE]])  (channel-close CH)
  (select ((receive CH X) ...) ((send CH VALUE) ...) ((join TASK X) ...) ((timeout MS) ...) or (else ...))
  (box X)  (unbox B)  (set-box! B X)  (box-cas! B OLD NEW)

sched/examples/scheme/README.md tells more.";

/// Compile and run a Scheme program.
#[derive(Debug, Parser)]
#[command(name = "scheme", after_help = LANGUAGE)]
struct Arguments {
    /// The program, or `-` for the standard input; without it, that as well, or a prompt if it is a terminal
    file: Option<PathBuf>,
    /// What `(command-line)` gives the program besides its name; options for it stand after `--`
    arguments: Vec<String>,
    /// Where the collector puts stack barriers
    #[arg(long, value_enum, default_value_t = Barriers::On)]
    barriers: Barriers,
    /// Where the frames of the program lie
    #[arg(long, value_enum, default_value_t = Stacks::Reserve)]
    stacks: Stacks,
    /// Stacks that move do so at every call and collection, as far as that is bearable
    #[arg(long)]
    always_move: bool,
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
    /// Interrupt the program so many times a second, and walk its stack
    #[arg(long, value_name = "HZ")]
    profile: Option<u32>,
    /// Tell perf the names of compiled functions: writes /tmp/perf-PID.map
    #[arg(long)]
    perf_map: bool,
    /// Collect with the world stopped from end to end
    #[arg(long)]
    stop_the_world: bool,
    /// Read forms from the terminal, run them and show what they give
    #[arg(long)]
    prompt: bool,
    /// Where the time went, on standard error
    #[arg(long)]
    time: bool,
    /// OS threads that run tasks
    #[arg(long, alias = "workers", value_name = "N", default_value = "1", value_parser = count)]
    jobs: usize,
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
    #[error("{0}")]
    Refused(String),
    #[error("{0} (--barriers off)")]
    Host(#[from] barrier_arch::host::Unsupported),
    #[error("cannot start: {0}")]
    Start(#[from] sched::StartError),
    #[error("cannot start: {0}")]
    Spawn(#[from] sched::SpawnError),
    #[error("cannot profile: {0}")]
    Profile(std::io::Error),
    #[error("cannot read the terminal: {0}")]
    Terminal(#[from] rustyline::error::ReadlineError),
    #[error("a stack of {0} bytes is too large")]
    Stack(usize),
    #[error("{0}")]
    Crash(sched::JoinError),
    #[error("{0}")]
    Failed(String),
    #[error("exit with code {0}")]
    Exit(i32),
}

impl Unsuccessful {
    /// Tells the user; `(exit n)` is no news.
    fn report(&self) -> ExitCode {
        if let Unsuccessful::Exit(code) = self {
            return ExitCode::from(*code as u8);
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
    let nothing_given = arguments.file.is_none() && std::io::stdin().is_terminal();
    if arguments.prompt || nothing_given { interact(arguments) } else { execute_program(arguments) }
}

/// The prompt, after the program if there is one.
fn interact(arguments: &Arguments) -> Result<(), Unsuccessful> {
    let (file, text) = arguments.file.as_deref().map_or(Ok(Default::default()), |file| read(Some(file)))?;
    let source = Source { file: &file, text: &text };
    let built = build(&file, &text, options(arguments, &file));
    let runtime = start(arguments, built.map_err(|error| Unsuccessful::Refused(source.refusal(&error)))?)?;
    if let Err(failure) = start_program(&runtime)?.join().map_err(Unsuccessful::Crash)? {
        eprintln!("{}", source.failure(&failure));
    }
    eprint!("{}", source.forgotten(&runtime.language().ending.take_failures()));
    let mut inputs = prompt::Inputs::default();
    inputs.add(&file, text);
    runtime.language().channels.end_line("prompt").ok();
    runtime.language().channels.flush_all();
    match prompt::interact(&runtime, &mut inputs)? {
        0 => Ok(()),
        code => Err(Unsuccessful::Exit(code)),
    }
}

fn execute_program(arguments: &Arguments) -> Result<(), Unsuccessful> {
    let begin = Instant::now();
    let (file, text) = read(arguments.file.as_deref())?;
    let source = Source { file: &file, text: &text };
    let built = build(&file, &text, options(arguments, &file));
    let scheme = built.map_err(|error| Unsuccessful::Refused(source.refusal(&error)))?;
    let compiled = begin.elapsed();
    eprint!("{}", source.warnings(&scheme.warnings));
    let runtime = start(arguments, scheme)?;
    if let Some(hz) = arguments.profile {
        profile::start(hz, arguments.jobs).map_err(Unsuccessful::Profile)?;
    }
    let task = start_program(&runtime)?;
    let exit = runtime.language().ending.wait();
    // What another task has given to `exit` ends the program where it stands.
    let result =
        exit.map_or_else(|| task.join().map_err(Unsuccessful::Crash), |code| Ok(Err(ended_by(code))))?;
    // What the program has written comes before what we say.
    runtime.language().channels.flush_all();
    eprint!("{}", source.forgotten(&runtime.language().ending.take_failures()));
    if arguments.profile.is_some() {
        eprintln!("{}", profile::samples());
    }
    if arguments.time {
        let ran = begin.elapsed() - compiled;
        eprintln!("{}", times(compiled, ran, &runtime.cycles()));
    }
    result.map(drop).or_else(|failure| match failure.fault {
        Fault::Exit(0) => Ok(()),
        Fault::Exit(code) => Err(Unsuccessful::Exit(code)),
        _ => Err(Unsuccessful::Failed(source.failure(&failure))),
    })
}

fn ended_by(code: i32) -> Box<Failure> {
    Box::new(Failure::without_place(Fault::Exit(code)))
}

/// Name and text of the program.
fn read(file: Option<&Path>) -> Result<(String, String), Unsuccessful> {
    let named = file.filter(|file| *file != Path::new("-"));
    let text = match named {
        Some(file) => std::fs::read_to_string(file),
        None => std::io::read_to_string(std::io::stdin()),
    };
    let name = named.unwrap_or(Path::new("standard input"));
    let text = text.map_err(|source| Unsuccessful::File { file: name.into(), source })?;
    Ok((name.display().to_string(), text))
}

fn options(arguments: &Arguments, file: &str) -> Options {
    let command_line = std::iter::once(file.to_owned()).chain(arguments.arguments.iter().cloned());
    Options {
        heap_limit: arguments.heap_limit,
        gc_stress: arguments.gc_stress,
        stacks: arguments.stacks,
        command_line: command_line.collect(),
        perf_map: arguments.perf_map,
        ..Options::default()
    }
}

fn times(compiled: Duration, ran: Duration, cycles: &[CycleStats]) -> Times {
    let pauses = || cycles.iter().map(|cycle| cycle.pause);
    let longest = pauses().max().unwrap_or_default();
    Times { compiled, ran, collections: cycles.len(), paused: pauses().sum(), longest }
}

fn start(arguments: &Arguments, scheme: scheme::Scheme) -> Result<Runtime<scheme::Scheme>, Unsuccessful> {
    let spacing = arguments.barriers.spacing();
    let limit = arguments.stack_limit;
    let mut builder = stacks::runtime(scheme, spacing, limit).ok_or(Unsuccessful::Stack(limit))?;
    if arguments.profile.is_some() {
        builder = profile::registered(builder, arguments.stacks, spacing, limit);
    }
    builder = builder.workers(arguments.jobs);
    builder = builder.verify(arguments.verify).oracle(arguments.oracle).always_move(arguments.always_move);
    builder = builder.stop_the_world(arguments.stop_the_world);
    if arguments.gc_trace {
        builder = builder.trace(true);
    }
    let runtime = builder.start()?;
    arguments.barriers.on_host(runtime.barriers())?;
    Ok(runtime)
}
