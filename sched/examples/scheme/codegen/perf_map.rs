//! `/tmp/perf-PID.map`: perf looks up addresses there that no file of the process contains.
//!
//! A line for each function, in hexadecimal: where it begins, how many bytes, its name. perf reads the file when it reports, after the process has ended; who
//! recorded deletes it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::known_code::NamedCode;

/// The map of this process, to be added to.
#[derive(Debug)]
pub struct PerfMap(File);

impl PerfMap {
    /// Where perf looks for it, which is not to be chosen.
    pub fn path() -> PathBuf {
        Path::new("/tmp").join(format!("perf-{}.map", std::process::id()))
    }

    /// An empty map, in place of one that another process of this number has left.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or there is one of somebody else's.
    pub fn create() -> io::Result<PerfMap> {
        match std::fs::remove_file(PerfMap::path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            // In a directory that anybody writes to: never through a link.
            _ => File::create_new(PerfMap::path()).map(PerfMap),
        }
    }

    /// Adds functions.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn add(&mut self, functions: &[NamedCode]) -> io::Result<()> {
        let lines = functions.iter().fold(String::new(), |mut lines, NamedCode { name, code, .. }| {
            let name = name.replace('\n', " ");
            _ = writeln!(lines, "{:x} {:x} {name}", code.start, code.len());
            lines
        });
        self.0.write_all(lines.as_bytes())
    }
}
