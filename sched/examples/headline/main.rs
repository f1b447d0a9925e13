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

use programs::{PROGRAMS, Program};
use scheme::cli::{Barriers, bytes};

/// Measures interpreted, deeply recursive programs with stack barriers off and on.
#[derive(Debug, Parser)]
#[command(name = "headline")]
struct Arguments {
    /// How deep: the sizes of the programs, in percent of the usual ones
    #[arg(long, default_value_t = 100)]
    scale: usize,
    /// How often each program runs in each mode; the modes take turns
    #[arg(long, default_value_t = 3)]
    repeat: usize,
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
        let mut runs = [Vec::new(), Vec::new()];
        for _ in 0..arguments.repeat.max(1) {
            for (mode, runs) in [Barriers::Off, Barriers::On].into_iter().zip(&mut runs) {
                eprintln!("{} with barriers {} …", program.name, mode.name());
                runs.push(measure(program, mode, arguments)?);
            }
        }
        for (mode, runs) in [Barriers::Off, Barriers::On].into_iter().zip(&runs) {
            rows.push(report::Row::of(program.name, mode.name(), runs));
        }
    }
    println!("{}\n{}", report::table(&rows), report::summary(&rows));
    if let Some(file) = &arguments.json {
        fs::write(file, serde_json::to_string_pretty(&rows)?)?;
        println!("written: {}", file.display());
    }
    Ok(())
}

fn measure(
    program: &Program,
    mode: Barriers,
    arguments: &Arguments,
) -> Result<programs::Run, Box<dyn Error>> {
    let size = (program.size * arguments.scale / 100).max(1);
    program.run(size, mode, arguments.workers, arguments.stack_limit)
}
