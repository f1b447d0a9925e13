//! Linked code, and who knows of it: the process's unwinder, debuggers and, if it was asked for, perf.

use std::ops::Range;
use std::rc::Rc;

use super::error::CompileError;
use super::jit_debug::DebuggerEntry;
use super::unwind_info::UnwindTable;
use crate::scheme::core::Span;
use crate::scheme::frame_table::PendingFunction;

/// A function by its name.
#[derive(Clone, Debug)]
pub struct NamedCode {
    /// As in the program's text.
    pub name: Rc<str>,
    /// Where it lies.
    pub code: Range<usize>,
    /// What it was compiled from, if that is anybody's text.
    pub source: Option<Source>,
}

/// What a function was compiled from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file's name, as it was given.
    pub file: Rc<str>,
    /// Where the function is defined.
    pub span: Span,
    /// See [`PendingFunction::places`].
    pub places: Vec<(u32, Span)>,
}

impl Source {
    /// That of `function`, which has no places any more.
    pub fn of(function: &mut PendingFunction) -> Option<Source> {
        let places = std::mem::take(&mut function.places);
        let file = function.file.clone().filter(|_| function.span != Span::default())?;
        Some(Source { file, span: function.span, places })
    }
}

/// Code that was linked at one time, known to unwinders and debuggers until this is dropped.
#[derive(Debug)]
pub struct KnownCode {
    /// Goes first: its image is about `unwind`.
    _debugger: DebuggerEntry,
    unwind: UnwindTable,
}

impl KnownCode {
    /// Makes functions known that `unwind` describes.
    ///
    /// # Errors
    ///
    /// [`CompileError::Backend`] if debuggers cannot be told.
    pub fn new(functions: &[NamedCode], unwind: UnwindTable) -> Result<KnownCode, CompileError> {
        let debugger = DebuggerEntry::new(functions, unwind.section())?;
        Ok(KnownCode { _debugger: debugger, unwind })
    }

    /// How to unwind it, as an `.eh_frame` section.
    pub fn unwind_table(&self) -> &[u8] {
        self.unwind.section()
    }
}
