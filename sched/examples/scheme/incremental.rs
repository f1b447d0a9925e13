//! Compiling while a program runs: for `load` and `eval`, and for the prompt.
//!
//! The task for which it is compiled comes to no safepoint meanwhile, so no collection begins or ends: all that is made is fresh,
//! and is a root when the next safepoint comes. Code and constants stay for ever.

use std::collections::HashSet;
use std::rc::Rc;

use super::codegen::Compiler;
use super::expand::expand_more;
use super::reader;
use super::report::Source;
use super::session::BuildError;
use super::syntax::Syntax;
use super::top_level;
use super::value::Value;

/// Stack of the thread that compiles.
const STACK_BYTES: usize = 32 << 20;

/// The compiler, after it has compiled the program that runs.
pub struct Incremental {
    compiler: Compiler,
    /// Primitives and library procedures: what a text that defines them anew does not change for others.
    library: HashSet<String>,
    /// Those that texts have defined anew.
    redefined: HashSet<Rc<str>>,
    /// The macros of former texts, to be defined once more in each.
    macros: Vec<Syntax>,
}

// SAFETY: it is used by one thread at a time, behind a lock, and nothing that it counts references to is shared with what is
// outside: programs come in as text and go out as values and addresses.
unsafe impl Send for Incremental {}

impl std::fmt::Debug for Incremental {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incremental").field("redefined", &self.redefined).finish_non_exhaustive()
    }
}

impl Incremental {
    /// Of a compiler that has finished its first program. `library` is what was defined before that.
    pub fn new(compiler: Compiler, library: HashSet<String>) -> Incremental {
        Incremental { compiler, library, redefined: HashSet::new(), macros: Vec::new() }
    }

    /// Compiles a text on a stack of its own: the task's may be nearly used up. Returns a procedure that runs it.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as a message.
    pub fn compile(&mut self, file: &str, text: &str) -> Result<Value, String> {
        let source = Source { file, text };
        std::thread::scope(|scope| {
            let work = || self.compile_here(file, text).map_err(|error| source.refusal(&error));
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
            let thread = thread.map_err(|error| format!("cannot compile: {error}"))?;
            thread.join().unwrap_or_else(|_| Err("cannot compile: the compiler has failed".into()))
        })
    }

    fn compile_here(&mut self, file: &str, text: &str) -> Result<Value, BuildError> {
        let data = reader::read(file, text).and_then(|data| top_level::prepare(file, data));
        let data = data.map_err(|error| *error)?.data;
        let all: Vec<Syntax> = self.macros.iter().chain(&data).cloned().collect();
        let program = expand_more(file, &all, &self.library, &mut self.redefined)?;
        let closure = self.compiler.extend(&program)?;
        self.macros.extend(data.into_iter().filter(defines_macro));
        Ok(closure)
    }

    /// Gives the memory of the code back.
    ///
    /// # Safety
    ///
    /// Nobody runs it any more.
    pub unsafe fn free(self) {
        // SAFETY: passed on.
        unsafe { self.compiler.free() }
    }
}

fn defines_macro(datum: &Syntax) -> bool {
    let head = datum.proper_list().and_then(|items| items.first()?.name());
    head.is_some_and(|name| &**name == "define-syntax")
}
