//! Runs test binaries one after the other inside a virtual machine that has nothing but them: each start of the machine costs some seconds of
//! an emulated processor. Its output is what `ci/cross.sh` itself writes where a program can be run by itself.
//!
//! usage: in_a_row LIST SECONDS [ARGUMENT...]
//!
//! LIST is a file of lines `package source binary`; each binary is run with the arguments, and killed if it takes longer than that.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let (Some(list), Some(seconds)) = (arguments.next(), arguments.next()) else {
        return Err(io::Error::other("usage: in_a_row LIST SECONDS [ARGUMENT...]"));
    };
    let patience = Duration::from_secs(seconds.parse().map_err(io::Error::other)?);
    let arguments: Vec<String> = arguments.collect();
    for line in fs::read_to_string(list)?.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [_, source, binary] = words[..] else {
            return Err(io::Error::other(format!("not `package source binary`: {line}")));
        };
        println!("     Running {source}");
        let started = Command::new(binary).args(&arguments).stdin(Stdio::null()).spawn();
        match started.and_then(|child| end_of(child, patience)) {
            Ok(status) if status.success() => {}
            Ok(status) => println!("error: {status}"),
            Err(error) => println!("error: {error}"),
        }
    }
    Ok(())
}

/// Waits for its end, and brings it about if it takes longer than `patience`.
fn end_of(mut child: Child, patience: Duration) -> io::Result<ExitStatus> {
    let since = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if since.elapsed() > patience {
            child.kill()?;
        }
        sleep(Duration::from_millis(20));
    }
}
