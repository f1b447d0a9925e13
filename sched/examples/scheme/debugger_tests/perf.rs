//! perf on compiled Scheme: its functions have their names.

use std::process::Command;

use barrier_arch::Spacing;

use super::told;
use crate::scheme::build;
use crate::scheme::codegen::PerfMap;
use crate::scheme::runtime::run::start;
use crate::scheme::tests::{Trial, runtime_for};

const PROFILED: &str = "SCHEME_PROFILED";

/// What perf records; without perf, nothing.
#[test]
fn profiled() {
    if std::env::var(PROFILED).is_err() {
        return;
    }
    const SPIN: &str = "(define (spin n) (if (> n 0) (spin (- n 1)) 0)) (spin 300000000)";
    let mut options = Trial::new(Spacing::default()).options;
    options.perf_map = true;
    let scheme = build("spin.scm", SPIN, options).expect("it compiles");
    let runtime = runtime_for(Spacing::default(), 64 << 20, scheme);
    assert!(start(&runtime).expect("a stack").join().expect("no panic").is_ok());
    println!("MAP {}", PerfMap::path().display());
}

#[test]
fn perf_knows_compiled_functions_by_name() {
    let data = std::env::temp_dir().join(format!("scheme-{}.perf", std::process::id()));
    let mut record = Command::new("perf");
    record.args(["record", "-q", "-e", "cpu-clock:u", "-F", "499", "-o"]).arg(&data);
    record.arg("--").arg(std::env::current_exe().expect("this program"));
    record.args(["--exact", "scheme::debugger_tests::perf::profiled", "--nocapture"]).env(PROFILED, "");
    let output = match record.output() {
        Ok(output) if output.status.success() => output,
        refused => return eprintln!("NOT MEASURED: perf cannot record here: {refused:?}"),
    };
    let script =
        Command::new("perf").args(["script", "-F", "ip,sym", "-i"]).arg(&data).output().expect("perf");
    std::fs::remove_file(&data).expect("it was written");
    std::fs::remove_file(told(&String::from_utf8_lossy(&output.stdout), "MAP ")).expect("it was written");
    let samples = String::from_utf8_lossy(&script.stdout).into_owned();
    let spinning = samples.lines().filter(|line| line.trim_end().ends_with(" spin")).count();
    assert!(spinning > 20 && 10 * spinning > 9 * samples.lines().count(), "{spinning} of {samples}");
}
