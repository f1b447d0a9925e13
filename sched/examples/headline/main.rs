//! The class of program that stack barriers were invented for: a Scheme interpreter, written in Scheme, that runs deeply
//! recursive programs. With barriers off and on, side by side: the mark-termination pause and the whole time.
//!
//! Go's issue 10898 was such a program; the commit that brought stack barriers to Go 1.5 reports pauses of 100 to 500 ms that became
//! 10 to 20 ms, and a fifth of the time saved.
//!
//! ```sh
//! cargo run --release -p sched --example headline
//! ```

mod programs;
mod report;
#[path = "../scheme/mod.rs"]
mod scheme;

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use programs::{PROGRAMS, Program, Run};
use report::Row;
use scheme::cli::{Barriers, bytes};

/// Measures interpreted, deeply recursive programs with stack barriers off and on.
#[derive(Debug, Parser)]
#[command(name = "headline")]
struct Arguments {
    /// How deep: the sizes of the programs, in percent of the usual ones
    #[arg(long, default_value_t = 100)]
    scale: usize,
    /// How often each program runs in each mode, after one run that does not count; the modes take turns, and turns at being first
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// OS threads that run tasks
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Largest stack (suffixes K, M, G)
    #[arg(long, default_value = "4G", value_parser = bytes)]
    stack_limit: usize,
    /// Write the rows to this file as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    println!(
        "A Scheme interpreter in Scheme runs deeply recursive programs while the collector works beside it."
    );
    let mut rows = Vec::new();
    for program in &PROGRAMS {
        let [off, on] = rounds(program, arguments)?;
        rows.push(Row::of(program.name, Barriers::Off.name(), &off));
        rows.push(Row::of(program.name, Barriers::On.name(), &on));
    }
    println!("{}\n{}\n{}", report::table(&rows), report::note(arguments.repeat), report::summary(&rows));
    if let Some(file) = &arguments.json {
        fs::write(file, serde_json::to_string_pretty(&rows)?)?;
        println!("written: {}", file.display());
    }
    Ok(())
}

/// All runs of a program that count, with barriers off and on. What one run leaves to the next (memory that the system has at hand, a processor's
/// clock) falls to both modes alike.
fn rounds(program: &Program, arguments: &Arguments) -> Result<[Vec<Run>; 2], Box<dyn Error>> {
    const MODES: [Barriers; 2] = [Barriers::Off, Barriers::On];
    let mut runs = [Vec::new(), Vec::new()];
    eprintln!("{}: a run that does not count …", program.name);
    measure(program, Barriers::On, arguments)?;
    for round in 1..=arguments.repeat {
        let order = if round % 2 == 1 { [0, 1] } else { [1, 0] };
        for mode in order {
            eprintln!(
                "{}: round {round} of {}, barriers {} …",
                program.name,
                arguments.repeat,
                MODES[mode].name()
            );
            runs[mode].push(measure(program, MODES[mode], arguments)?);
        }
    }
    Ok(runs)
}

fn measure(program: &Program, mode: Barriers, arguments: &Arguments) -> Result<Run, Box<dyn Error>> {
    let size = (program.size * arguments.scale / 100).max(1);
    program.run(size, mode, arguments.workers, arguments.stack_limit)
}
