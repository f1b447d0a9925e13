//! Why a program was not compiled.

use std::rc::Rc;

use gc_mark::heap::HeapError;

use crate::scheme::core::Span;
use crate::scheme::object::MAX_PARAMETERS;

/// Why a program was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// More parameters or arguments than a call can have.
    #[error("{file}:{}:{}: more than {MAX_PARAMETERS} {what}; pass a list", span.line, span.column)]
    TooMany {
        /// The file.
        file: Rc<str>,
        /// Where.
        span: Span,
        /// Parameters or arguments.
        what: &'static str,
    },
    /// The heap is too small for what is there before anything runs.
    #[error("the program's constants do not fit the heap (raise --heap-limit): {0}")]
    NoRoom(HeapError),
    /// The code generator refused, or there is no room for code.
    #[error("cannot compile: {0}")]
    Backend(String),
}

impl CompileError {
    /// From an error of somebody else's.
    pub fn backend(error: impl std::fmt::Display) -> CompileError {
        CompileError::Backend(error.to_string())
    }
}
