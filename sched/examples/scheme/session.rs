//! From the text of a program to something that runs.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use gc_mark::Phases;
use gc_mark::heap::{HeapConfig, HeapError};

use super::cli::Stacks;
use super::codegen::{Analysed, CompileError, Compiler, PerfMap};
use super::core::{Program, Span};
use super::expand::expand;
use super::incremental::Incremental;
use super::language::{Scheme, Sink};
use super::machine::Heap;
use super::object::SchemeModel;
use super::prelude;
use super::primitives::{self, Primitive};
use super::syntax_error::{Fault, SyntaxError};

/// How a program is built.
pub struct Options {
    /// Most bytes of objects.
    pub heap_limit: usize,
    /// Collect at every allocation: slow, and finds every missing root.
    pub gc_stress: bool,
    /// Whether the program's stacks can move: the code is another one then.
    pub stacks: Stacks,
    /// Primitives besides the built-in ones.
    pub primitives: Vec<Primitive>,
    /// Name and arguments of the program, for `command-line`.
    pub command_line: Vec<String>,
    /// Tell perf where each function lies: `/tmp/perf-PID.map`.
    pub perf_map: bool,
    /// Where `display` and its kin write.
    pub output: Sink,
}

impl Default for Options {
    /// 4 GiB of heap, output to standard output.
    fn default() -> Options {
        Options {
            heap_limit: HeapConfig::default().limit_bytes,
            gc_stress: false,
            stacks: Stacks::default(),
            primitives: Vec::new(),
            command_line: Vec::new(),
            perf_map: false,
            output: Box::new(io::BufWriter::new(io::stdout())),
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("heap_limit", &self.heap_limit).finish_non_exhaustive()
    }
}

/// Why there is nothing to run.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The text.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The compiler.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The heap.
    #[error("cannot make a heap: {0}")]
    Heap(#[from] HeapError),
    /// What perf wants.
    #[error("cannot write {}: {source}", PerfMap::path().display())]
    PerfMap {
        /// Why.
        source: io::Error,
    },
}

/// Compiles the library and the program `source`; `file` is for messages.
///
/// The result goes into `Runtime::builder(scheme).phases(phases)`, where `phases` is [`Scheme::phases`]:
/// compiled code tests their flag.
///
/// # Errors
///
/// [`BuildError`] says what is wrong with the program, or with the machine.
pub fn build(file: &str, source: &str, options: Options) -> Result<Scheme, BuildError> {
    let config = HeapConfig { limit_bytes: options.heap_limit, ..HeapConfig::default() };
    let model = SchemeModel::default();
    let frames = Arc::clone(&model.frames);
    let heap = Heap::new(model, config)?;
    let phases = Arc::new(Phases::new());
    let mut all = primitives::all();
    all.extend(options.primitives);
    let mut compiler = Compiler::new(heap, all, phases.write_barrier_flag().cast(), options.stacks)?;
    if options.perf_map {
        compiler.write_perf_map(PerfMap::create().map_err(|source| BuildError::PerfMap { source })?);
    }
    compiler.add_prelude(&library(compiler.global_names())?)?;
    let known = compiler.global_names();
    let program = expand(file, source, &known)?;
    compiler.add_program(&program)?;
    let image = compiler.finish(options.heap_limit)?;
    // Nothing has run yet, so nobody has asked for the maps.
    frames.get_or_init(|| Arc::clone(&image.frames));
    let compiler = Incremental::new(compiler, known);
    let mut scheme =
        Scheme::new(image, options.heap_limit, options.gc_stress, options.output, phases, compiler);
    scheme.command_line = options.command_line;
    scheme.warnings = unbound(&program);
    Ok(scheme)
}

/// The globals that nobody defines, each where it is used first.
fn unbound(program: &Program) -> Vec<(Span, String)> {
    program.unbound.iter().map(|(name, span)| (*span, Fault::Unbound(name.clone()).to_string())).collect()
}

/// The library as some primitives make it.
struct Library {
    primitives: HashSet<String>,
    parts: Rc<[Analysed]>,
}

/// The library, expanded and analysed. Who builds many programs with the same primitives, as tests do, waits for that once a thread.
fn library(primitives: HashSet<String>) -> Result<Rc<[Analysed]>, SyntaxError> {
    thread_local! {
        static LAST: RefCell<Option<Library>> = const { RefCell::new(None) };
    }
    LAST.with_borrow_mut(|last| {
        if let Some(library) = last.as_ref().filter(|library| library.primitives == primitives) {
            return Ok(Rc::clone(&library.parts));
        }
        let parts: Rc<[Analysed]> = expand_prelude(&primitives)?.into_iter().map(Analysed::from).collect();
        *last = Some(Library { primitives, parts: Rc::clone(&parts) });
        Ok(parts)
    })
}

/// Expands the library. What one part defines is known to the others.
///
/// # Errors
///
/// The first fault of its text.
pub fn expand_prelude(primitives: &HashSet<String>) -> Result<Vec<Program>, SyntaxError> {
    let defined = |&(file, text): &(&'static str, &'static str)| (file, prelude::defined(text).collect());
    let names: Vec<(&str, Vec<&str>)> = prelude::PARTS.iter().map(defined).collect();
    let mut programs = Vec::new();
    for (file, text) in prelude::PARTS {
        let others = names.iter().filter(|(other, _)| other != file);
        let names = others.flat_map(|(_, names)| names.iter().map(|&name| name.to_owned()));
        let known = primitives.iter().cloned().chain(names).collect();
        let program = expand(file, text, &known)?;
        if let Some((name, span)) = program.unbound.first() {
            return Err(*Fault::Unbound(name.clone()).at(file, *span));
        }
        programs.push(program);
    }
    Ok(programs)
}
