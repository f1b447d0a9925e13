//! What can go wrong in a running program: said in one line, for the user of the program.
//!
//! Texts are made when the fault is raised: the values in them may be gone when it is reported.

use super::core::Span;
use super::value::Value;

/// A run-time error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An argument of the wrong type.
    #[error("{procedure}: argument {position} must be {expected}, not {got}")]
    WrongType {
        /// The primitive that refused it.
        procedure: &'static str,
        /// Which argument, from 1.
        position: usize,
        /// What it should have been: "a pair".
        expected: &'static str,
        /// What it was, as `write` shows it, shortened.
        got: String,
    },
    /// An argument that is no record of the right type.
    #[error("{accessor}: argument 1 must be a {expected}, not {got}")]
    WrongRecord {
        /// The procedure that `define-record-type` has defined.
        accessor: String,
        /// Name of the type.
        expected: String,
        /// What it was, as `write` shows it, shortened.
        got: String,
    },
    /// An index that is not in the sequence.
    #[error("{procedure}: index {index} is out of range for length {length}")]
    BadIndex {
        /// The primitive.
        procedure: &'static str,
        /// The index as it was given.
        index: String,
        /// Length of the sequence.
        length: usize,
    },
    /// Division by an exact zero.
    #[error("{procedure}: division by zero")]
    DivisionByZero {
        /// The primitive.
        procedure: &'static str,
    },
    /// Too few or too many arguments.
    #[error("{procedure} takes {takes}, but got {got}")]
    ArgumentCount {
        /// Name of the procedure.
        procedure: String,
        /// "1 argument", "at least 2 arguments".
        takes: String,
        /// How many there were.
        got: usize,
    },
    /// A call of something else than a procedure.
    #[error("cannot call {got}: it is not a procedure")]
    NotAProcedure {
        /// The value, as `write` shows it, shortened.
        got: String,
    },
    /// A global variable that nobody has defined yet.
    #[error("unbound variable: {name}")]
    Unbound {
        /// The variable.
        name: String,
    },
    /// A `letrec` variable that is used before its initialiser has run.
    #[error("variable {name} is used before it has a value")]
    Unassigned {
        /// The variable.
        name: String,
    },
    /// The stack is used up.
    #[error("stack overflow: the program's stack of {bytes} bytes is used up (raise --stack-limit)")]
    StackOverflow {
        /// What the program may use.
        bytes: usize,
    },
    /// The heap is used up, after a collection.
    #[error("out of memory: heap limit of {limit} bytes reached (raise --heap-limit)")]
    OutOfMemory {
        /// The limit.
        limit: usize,
    },
    /// Something was raised that nobody handles; what a message says of it.
    #[error("{0}")]
    Uncaught(String),
    /// A continuation was called that the task cannot go on with.
    #[error("this continuation belongs to another task; only the task that captured it can go on with it")]
    ForeignContinuation,
    /// Nobody can go on: each task waits for another.
    #[error("deadlock: nobody can go on; the program waits for {awaited}")]
    Deadlock {
        /// What the program waits for.
        awaited: String,
        /// What the other tasks wait for, and their backtraces.
        others: Vec<String>,
    },
    /// A procedure written in Rust has panicked: a mistake of this implementation, which no program can handle.
    #[error("internal error, please report: {0}")]
    Internal(String),
    /// `(exit code)`: no error, but it leaves the program the same way.
    #[error("exit with code {0}")]
    Exit(i32),
    /// A file or stream could not be opened, read or written.
    #[error("{procedure}: {what}")]
    File {
        /// The primitive.
        procedure: &'static str,
        /// What the system says, and of which file.
        what: String,
    },
    /// A text that is no program.
    #[error("{0}")]
    Refused(String),
    /// A text that is no datum.
    #[error("read: {0}")]
    Read(String),
    /// Something that the primitive cannot do with these arguments.
    #[error("{procedure}: {what}")]
    Unfit {
        /// The primitive.
        procedure: &'static str,
        /// What is wrong.
        what: String,
    },
}

/// What programs can ask of a condition, besides its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Sort {
    /// Made by `error`.
    User,
    /// Raised by the runtime.
    Runtime,
    /// A file could not be opened, read or written.
    File,
    /// A text could not be read as data.
    Read,
    /// What was waited for did not happen in time.
    Timeout,
}

impl Sort {
    /// As it is kept in a condition.
    pub fn value(self) -> Value {
        Value::index(self as usize)
    }
}

impl Fault {
    /// What `file-error?` and its kin say of it.
    pub fn sort(&self) -> Sort {
        match self {
            Fault::File { .. } => Sort::File,
            Fault::Read(_) | Fault::Refused(_) => Sort::Read,
            _ => Sort::Runtime,
        }
    }

    /// Does it end the program without being raised?
    pub fn is_final(&self) -> bool {
        matches!(self, Fault::Uncaught(_) | Fault::Exit(_) | Fault::Deadlock { .. } | Fault::Internal(_))
    }
}

/// One line of a backtrace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceLine {
    /// The procedure.
    pub procedure: String,
    /// Its file.
    pub file: String,
    /// Where in it.
    pub span: Span,
}

/// How a program ended that did not run to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub fault: Fault,
    /// Where: the innermost place in the program itself, not in the prelude.
    pub place: Option<(String, Span)>,
    /// The innermost frames.
    pub trace: Vec<TraceLine>,
    /// How many frames lie between them and the outermost.
    pub omitted: usize,
    /// The outermost frames.
    pub outermost: Vec<TraceLine>,
}

impl std::fmt::Display for TraceLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "  in {} ({}:{}:{})", self.procedure, self.file, self.span.line, self.span.column)
    }
}

impl Failure {
    /// Something that has happened before anything ran.
    pub fn without_place(fault: Fault) -> Failure {
        Failure { fault, place: None, trace: Vec::new(), omitted: 0, outermost: Vec::new() }
    }

    /// Where, and what: a line, if the message is one.
    pub fn headline(&self) -> String {
        let place = self.place.as_ref();
        let place = place.map(|(file, span)| format!("{file}:{}:{}: ", span.line, span.column));
        format!("{}{}", place.unwrap_or_default(), self.fault)
    }

    /// The lines of the backtrace, each after a line break; of a deadlock, those of the other tasks, too.
    pub fn backtrace(&self) -> String {
        let others = match &self.fault {
            Fault::Deadlock { others, .. } => others.iter().map(|other| format!("\n{other}")).collect(),
            _ => String::new(),
        };
        format!("{}{others}", self.own_backtrace())
    }

    fn own_backtrace(&self) -> String {
        let lines = |lines: &[TraceLine]| lines.iter().map(|line| format!("\n{line}")).collect::<String>();
        let omitted = if self.omitted > 0 { format!("\n  ... {} more", self.omitted) } else { String::new() };
        format!("{}{omitted}{}", lines(&self.trace), lines(&self.outermost))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.headline(), self.backtrace())
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_place_message_trace() {
        let line = |name: &str, line| TraceLine {
            procedure: name.into(),
            file: "a.scm".into(),
            span: Span { line, column: 2 },
        };
        let failure = Failure {
            fault: Fault::DivisionByZero { procedure: "/" },
            place: Some(("a.scm".into(), Span { line: 3, column: 7 })),
            trace: vec![line("f", 3)],
            omitted: 40,
            outermost: vec![line("g", 9)],
        };
        let text = "a.scm:3:7: /: division by zero\n  in f (a.scm:3:2)\n  ... 40 more\n  in g (a.scm:9:2)";
        assert_eq!(failure.to_string(), text);
    }
}
