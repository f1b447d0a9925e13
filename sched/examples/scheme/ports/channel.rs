//! What ports stand for outside of the heap: the standard streams, and files.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::scheme::fault::Fault;

/// The number of the standard input.
pub const STDIN: usize = 0;
/// The number of the program's output, which goes where [`Options::output`](crate::scheme::Options::output) says.
pub const STDOUT: usize = 1;
/// The number of the standard error.
pub const STDERR: usize = 2;

/// Where bytes come from or go to.
enum Channel {
    Input(Box<dyn Read + Send>),
    Output(Box<dyn Write + Send>),
    Closed,
}

/// All channels of a program, by number. The number of a closed one is used again.
pub struct Channels {
    all: Mutex<Vec<Channel>>,
    /// Does the program's output end inside of a line?
    in_line: AtomicBool,
}

impl std::fmt::Debug for Channels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channels").field("open", &self.lock().len()).finish()
    }
}

/// A fault of a file or stream.
fn fault(procedure: &'static str, error: &io::Error) -> Fault {
    Fault::File { procedure, what: error.to_string() }
}

impl Channels {
    /// The standard streams; `input` is what programs read, `output` what they write to.
    pub fn new(input: Box<dyn Read + Send>, output: Box<dyn Write + Send>) -> Channels {
        let streams =
            vec![Channel::Input(input), Channel::Output(output), Channel::Output(Box::new(io::stderr()))];
        Channels { all: Mutex::new(streams), in_line: AtomicBool::new(false) }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Channel>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, channel: Channel) -> usize {
        let mut all = self.lock();
        let free = all.iter().position(|channel| matches!(channel, Channel::Closed));
        match free {
            Some(number) => {
                all[number] = channel;
                number
            }
            None => {
                all.push(channel);
                all.len() - 1
            }
        }
    }

    /// Opens a file to read.
    ///
    /// # Errors
    ///
    /// [`Fault::File`].
    pub fn open_input(&self, procedure: &'static str, path: &str) -> Result<usize, Fault> {
        let file = File::open(path).map_err(|error| at(procedure, path, &error))?;
        Ok(self.add(Channel::Input(Box::new(file))))
    }

    /// Opens a file to write, from its end on or from new.
    ///
    /// # Errors
    ///
    /// [`Fault::File`].
    pub fn open_output(&self, procedure: &'static str, path: &str, append: bool) -> Result<usize, Fault> {
        let mut options = File::options();
        options.create(true).write(true).append(append).truncate(!append);
        let file = options.open(path).map_err(|error| at(procedure, path, &error))?;
        Ok(self.add(Channel::Output(Box::new(BufWriter::new(file)))))
    }

    /// Reads some bytes; 0 at the end.
    ///
    /// # Errors
    ///
    /// [`Fault::File`].
    pub fn read(&self, procedure: &'static str, number: usize, into: &mut [u8]) -> Result<usize, Fault> {
        match self.lock().get_mut(number) {
            Some(Channel::Input(input)) => input.read(into).map_err(|error| fault(procedure, &error)),
            _ => Ok(0),
        }
    }

    /// Writes all bytes.
    ///
    /// # Errors
    ///
    /// [`Fault::File`].
    pub fn write(&self, procedure: &'static str, number: usize, bytes: &[u8]) -> Result<(), Fault> {
        match self.lock().get_mut(number) {
            Some(Channel::Output(output)) => {
                if let (STDOUT, Some(last)) = (number, bytes.last()) {
                    self.in_line.store(*last != b'\n', Ordering::Relaxed);
                }
                output.write_all(bytes).map_err(|error| fault(procedure, &error))
            }
            _ => Ok(()),
        }
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    ///
    /// [`Fault::File`].
    pub fn flush(&self, procedure: &'static str, number: usize) -> Result<(), Fault> {
        match self.lock().get_mut(number) {
            Some(Channel::Output(output)) => output.flush().map_err(|error| fault(procedure, &error)),
            _ => Ok(()),
        }
    }

    /// Flushes and closes.
    ///
    /// # Errors
    ///
    /// [`Fault::File`] if the rest cannot be written; it is closed nevertheless.
    pub fn close(&self, procedure: &'static str, number: usize) -> Result<(), Fault> {
        let flushed = self.flush(procedure, number);
        if let Some(channel) = self.lock().get_mut(number) {
            *channel = Channel::Closed;
        }
        flushed
    }

    /// Ends the line that the program's output has begun, if it has.
    ///
    /// # Errors
    ///
    /// [`Fault::File`].
    pub fn end_line(&self, procedure: &'static str) -> Result<(), Fault> {
        if self.in_line.load(Ordering::Relaxed) { self.write(procedure, STDOUT, b"\n") } else { Ok(()) }
    }

    /// Flushes everything, at the end of the program. There is nobody left to tell of errors.
    pub fn flush_all(&self) {
        for channel in self.lock().iter_mut() {
            if let Channel::Output(output) = channel {
                output.flush().ok();
            }
        }
    }
}

/// A fault that names the file.
pub fn at(procedure: &'static str, path: &str, error: &io::Error) -> Fault {
    Fault::File { procedure, what: format!("{path}: {error}") }
}
