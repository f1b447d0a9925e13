//! What stack barriers are for, in about a minute.
//!
//! A deeply recursive Scheme program, compiled to machine code, allocates at the bottom of its recursion while the
//! collector runs beside it. The same program at several depths, with barriers off and on: one table, one picture.
//!
//! ```sh
//! cargo run --release -p sched --example deep_recursion
//! ```

mod report;
#[path = "../scheme/mod.rs"]
mod scheme;
mod workload;

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

use scheme::cli::{Barriers, Stacks, bytes};
use workload::Case;

/// Measures the mark-termination pause of a deeply recursive program, with stack barriers off and on.
#[derive(Debug, Parser)]
#[command(name = "deep_recursion")]
struct Arguments {
    /// Depths of the recursion, in bytes of stack (suffixes K, M, G)
    #[arg(long, value_delimiter = ',', default_value = "1M,4M,16M,64M,256M", value_parser = depth)]
    depths: Vec<usize>,
    /// Seconds of work at each depth and mode
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// OS threads that run tasks
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Which modes to compare
    #[arg(long, value_enum, value_delimiter = ',', default_value = "off,on")]
    barriers: Vec<Barriers>,
    /// Where the frames lie
    #[arg(long, value_enum, default_value_t = Stacks::Reserve)]
    stacks: Stacks,
    /// Write the rows to this file as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Where to draw the picture
    #[arg(long, default_value = "deep_recursion.svg")]
    svg: PathBuf,
}

/// A depth that is worth measuring and fits a stack.
fn depth(text: &str) -> Result<usize, String> {
    let size = bytes(text)?;
    let possible = (4096..=1 << 32).contains(&size);
    possible.then_some(size).ok_or_else(|| "a depth is between 4K and 4G".to_owned())
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
    let time = Duration::try_from_secs_f64(arguments.seconds)?;
    let cases: Vec<_> = (arguments.depths.iter())
        .flat_map(|&stack_bytes| arguments.barriers.iter().map(move |&mode| (stack_bytes, mode)))
        .map(|(stack_bytes, mode)| Case {
            stack_bytes,
            barriers: mode,
            time,
            workers: arguments.workers,
            stacks: arguments.stacks,
        })
        .collect();
    println!("A Scheme program recurses to each depth and allocates at the bottom while the collector runs.");
    let bar = ProgressBar::new(cases.len() as u64);
    bar.set_style(ProgressStyle::with_template(
        "{bar:30} {pos}/{len} {msg} ({elapsed} of about {duration})",
    )?);
    bar.enable_steady_tick(Duration::from_millis(200));
    let mut rows = Vec::new();
    for case in &cases {
        bar.set_message(format!("{} MiB, barriers {}", case.stack_bytes >> 20, case.barriers.name()));
        rows.push(case.measure()?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    println!("{}\n{}", report::table(&rows), report::summary(&rows));
    report::draw(&rows, &arguments.svg)?;
    println!("drawn: {}", arguments.svg.display());
    if let Some(file) = &arguments.json {
        fs::write(file, serde_json::to_string_pretty(&rows)?)?;
        println!("written: {}", file.display());
    }
    Ok(())
}
