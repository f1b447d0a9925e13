//! What all functions of a program share: the module, globals, constants, and which code is still to be emitted.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{InstBuilder, Signature};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::JITModule;
use cranelift_module::{FuncId, Linkage, Module, ModuleReloc};

use super::constant::{Constants, Roots};
use super::emit::PLAIN;
use super::error::CompileError;
use super::function::FunctionCompiler;
use super::global::Binding;
use super::glue;
use super::helper::{Helper, c_signature, scheme_signature, signal_signature};
use super::isa;
use super::known_code::{KnownCode, NamedCode, Source};
use super::perf_map::PerfMap;
use super::scope::{Analysed, LambdaKey, Scope};
use super::unwind_info::PendingUnwindInfo;
use crate::scheme::cli::Stacks;
use crate::scheme::continuation::base;
use crate::scheme::core::{ExprKind, Lambda, Program, Span};
use crate::scheme::fault::Fault;
use crate::scheme::frame_table::{FrameTable, PendingFunction};
use crate::scheme::globals::{Cell, Globals};
use crate::scheme::machine::Heap;
use crate::scheme::object::{Arity, MAX_PARAMETERS, ObjectRef};
use crate::scheme::primitives::Primitive;
use crate::scheme::stacks::FRAME_BYTES;
use crate::scheme::symbols::Symbols;
use crate::scheme::value::Value;

/// Compiles programs into one module.
pub struct Compiler {
    pub(super) module: JITModule,
    pub(super) constants: Constants,
    pub(super) globals: Arc<Globals>,
    pub(super) bindings: HashMap<Rc<str>, Binding>,
    pub(super) primitives: Vec<(Primitive, FuncId)>,
    pub(super) helpers: HashMap<Helper, FuncId>,
    /// Where imported functions are.
    natives: HashMap<FuncId, usize>,
    stacks: Stacks,
    /// What `scope`, `file`, `var_names` and `is_prelude` describe is the program whose code is emitted at the moment.
    pub(super) scope: Rc<Scope>,
    pub(super) file: Rc<str>,
    pub(super) var_names: Rc<[Rc<str>]>,
    pub(super) barrier_flag: usize,
    pub(super) is_prelude: bool,
    queue: Vec<Pending>,
    /// Keeps every lambda alive: keys are addresses.
    code: HashMap<LambdaKey, (Rc<Lambda>, FuncId)>,
    pub(super) known: Vec<Known>,
    closures: HashMap<LambdaKey, ObjectRef>,
    /// Closures that wait for the address of their code.
    unpatched: Vec<(ObjectRef, FuncId)>,
    pub(super) wrappers: HashMap<usize, ObjectRef>,
    functions: Vec<(FuncId, PendingFunction)>,
    /// The table of the program that runs.
    frames: Option<Arc<FrameTable>>,
    /// May later programs define the same globals once more? Then none is known for ever.
    pub(super) may_be_redefined: bool,
    thunks: Vec<FuncId>,
    unwind: PendingUnwindInfo,
    /// Keeps the code of later programs known to unwinders and debuggers.
    later_code: Vec<KnownCode>,
    perf_map: Option<PerfMap>,
    pub(super) signal: FuncId,
}

/// A program as far as code emission has to know it.
#[derive(Clone)]
pub(super) struct Origin {
    scope: Rc<Scope>,
    file: Rc<str>,
    var_names: Rc<[Rc<str>]>,
    is_prelude: bool,
}

/// Code that is still to be emitted.
struct Pending {
    lambda: Rc<Lambda>,
    id: FuncId,
    span: Span,
    origin: Origin,
}

/// A global that is one procedure for ever.
pub(super) struct Known {
    pub(super) lambda: Rc<Lambda>,
    pub(super) span: Span,
    pub(super) origin: Origin,
    /// Has its cell got its closure? Those of the library get theirs when they are first mentioned.
    pub(super) is_defined: bool,
}

impl std::fmt::Debug for Compiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiler").field("functions", &self.functions.len()).finish_non_exhaustive()
    }
}

/// A compiled program, ready to run.
pub struct Image {
    /// Keeps the code known to unwinders and debuggers.
    pub code: KnownCode,
    /// The heap, with the constants in it.
    pub heap: Arc<Heap>,
    /// The constants.
    pub constants: Arc<Roots>,
    /// The symbols.
    pub symbols: Arc<Symbols>,
    /// The ports of the standard streams.
    pub standard_ports: [Value; 3],
    /// Global variables.
    pub globals: Arc<Globals>,
    /// What is known of the code.
    pub frames: Arc<FrameTable>,
    /// Code that runs all top-level forms, in order.
    pub program: usize,
    /// Code that raises the task's pending fault.
    pub signal: usize,
    /// The condition to raise when there is no memory to make one.
    pub out_of_memory: Value,
    /// Which stacks the code is made for.
    pub stacks: Stacks,
}

impl Compiler {
    /// A compiler whose code tests the byte at `barrier_flag` on each store.
    ///
    /// # Errors
    ///
    /// [`CompileError::Backend`] if this machine is not supported or the heap is too small.
    pub fn new(
        heap: Heap,
        primitives: Vec<Primitive>,
        barrier_flag: *const u8,
        stacks: Stacks,
    ) -> Result<Compiler, CompileError> {
        let mut module = isa::module(&primitives, stacks)?;
        let mut natives = HashMap::new();
        let mut helpers = HashMap::new();
        for helper in Helper::ALL {
            let id = import(&mut module, &helper.symbol(), &helper.signature())?;
            natives.insert(id, helper.address() as usize);
            helpers.insert(helper, id);
        }
        let mut imported = Vec::new();
        for primitive in primitives {
            let id = import(&mut module, &isa::import_name(&primitive), &primitive_signature(&primitive))?;
            natives.insert(id, primitive.code);
            imported.push((primitive, id));
        }
        let signal = module.declare_anonymous_function(&signal_signature()).map_err(CompileError::backend)?;
        let mut compiler = Compiler {
            module,
            signal,
            constants: Constants::new(heap),
            globals: Arc::default(),
            bindings: imported
                .iter()
                .enumerate()
                .map(|(i, (p, _))| (p.name.into(), Binding::Primitive(i)))
                .collect(),
            primitives: imported,
            helpers,
            natives,
            stacks,
            scope: Rc::default(),
            file: "".into(),
            var_names: Rc::from([]),
            barrier_flag: barrier_flag as usize,
            is_prelude: false,
            queue: Vec::new(),
            code: HashMap::new(),
            known: Vec::new(),
            closures: HashMap::new(),
            unpatched: Vec::new(),
            wrappers: HashMap::new(),
            functions: Vec::new(),
            frames: None,
            may_be_redefined: false,
            thunks: Vec::new(),
            unwind: PendingUnwindInfo::default(),
            later_code: Vec::new(),
            perf_map: None,
        };
        glue::bind_all(&mut compiler)?;
        Ok(compiler)
    }

    /// Takes in the library: its procedures are bound before anything runs, compiled when a program first
    /// mentions them, and kept apart from user programs that define the same names.
    ///
    /// # Errors
    ///
    /// [`CompileError`] says what and where.
    pub fn add_prelude(&mut self, parts: &[Analysed]) -> Result<(), CompileError> {
        self.is_prelude = true;
        let bound = parts.iter().map(|part| self.bind_globals(&part.program, Rc::clone(&part.scope)));
        let origins: Vec<Origin> = bound.collect::<Result<_, _>>()?;
        for (part, origin) in parts.iter().zip(origins) {
            self.turn_to(origin);
            self.add_forms(&part.program)?;
        }
        Ok(())
    }

    /// Compiles a program, to be run after those before.
    ///
    /// # Errors
    ///
    /// [`CompileError`] says what and where.
    pub fn add_program(&mut self, program: &Program) -> Result<(), CompileError> {
        self.is_prelude = false;
        self.bind_globals(program, Rc::new(Scope::of(program)))?;
        self.add_forms(program)
    }

    /// Turns to a program, and gives its globals their cells.
    fn bind_globals(&mut self, program: &Program, scope: Rc<Scope>) -> Result<Origin, CompileError> {
        self.file = Rc::clone(&program.file);
        self.scope = scope;
        self.var_names = program.vars.iter().map(|v| Rc::clone(&v.name)).collect();
        for name in &program.assigned_globals {
            self.bind(name)?;
        }
        Ok(self.origin())
    }

    fn add_forms(&mut self, program: &Program) -> Result<(), CompileError> {
        for form in &program.forms {
            if !self.is_defined_early(&form.kind) {
                let thunk = FunctionCompiler::thunk(self, form)?;
                self.thunks.push(thunk);
            }
        }
        self.drain()
    }

    fn drain(&mut self) -> Result<(), CompileError> {
        let origin = self.origin();
        while let Some(Pending { lambda, id, span, origin }) = self.queue.pop() {
            self.turn_to(origin);
            FunctionCompiler::lambda(self, &lambda, id, span)?;
        }
        self.turn_to(origin);
        Ok(())
    }

    /// The program whose code is emitted at the moment.
    pub(super) fn origin(&self) -> Origin {
        Origin {
            scope: Rc::clone(&self.scope),
            file: Rc::clone(&self.file),
            var_names: Rc::clone(&self.var_names),
            is_prelude: self.is_prelude,
        }
    }

    fn turn_to(&mut self, origin: Origin) {
        Origin {
            scope: self.scope,
            file: self.file,
            var_names: self.var_names,
            is_prelude: self.is_prelude,
        } = origin;
    }

    /// Runs `f` as if the program of `origin` were being compiled.
    pub(super) fn within<T>(&mut self, origin: Origin, f: impl FnOnce(&mut Self) -> T) -> T {
        let current = self.origin();
        self.turn_to(origin);
        let result = f(self);
        self.turn_to(current);
        result
    }

    /// The code of `lambda`, to be emitted later.
    pub(super) fn code_of(&mut self, lambda: &Rc<Lambda>, span: Span) -> Result<FuncId, CompileError> {
        if let Some((_, id)) = self.code.get(&Rc::as_ptr(lambda)) {
            return Ok(*id);
        }
        if lambda.params.len() > MAX_PARAMETERS {
            return Err(CompileError::TooMany { file: Rc::clone(&self.file), span, what: "parameters" });
        }
        let id = self.declare()?;
        self.code.insert(Rc::as_ptr(lambda), (Rc::clone(lambda), id));
        self.queue.push(Pending { lambda: Rc::clone(lambda), id, span, origin: self.origin() });
        Ok(id)
    }

    /// The closure of a lambda that captures nothing.
    pub(super) fn constant_closure(
        &mut self,
        lambda: &Rc<Lambda>,
        span: Span,
    ) -> Result<ObjectRef, CompileError> {
        if let Some(closure) = self.closures.get(&Rc::as_ptr(lambda)) {
            return Ok(*closure);
        }
        let code = self.code_of(lambda, span)?;
        let closure = self.new_constant_closure(arity_of(lambda), code)?;
        self.closures.insert(Rc::as_ptr(lambda), closure);
        Ok(closure)
    }

    pub(super) fn new_constant_closure(
        &mut self,
        arity: Arity,
        code: FuncId,
    ) -> Result<ObjectRef, CompileError> {
        let closure = self.constants.closure(arity)?;
        self.unpatched.push((closure, code));
        Ok(closure)
    }

    /// Declares a function with the Scheme convention.
    pub(super) fn declare(&mut self) -> Result<FuncId, CompileError> {
        self.module.declare_anonymous_function(&scheme_signature()).map_err(CompileError::backend)
    }

    /// Compiles what `build` has put into `context` and takes down its call sites. If the frame is too large for a stack that moves, the code
    /// is put behind a [front](super::front).
    pub(super) fn define(
        &mut self,
        id: FuncId,
        context: &mut Context,
        about: PendingFunction,
        spans: &[Span],
    ) -> Result<(), CompileError> {
        let compiled = context.compile(self.module.isa(), &mut ControlPlane::default());
        let frame = super::front::frame_bytes(compiled.map_err(|e| CompileError::backend(format!("{e:?}")))?);
        if self.stacks == Stacks::Reserve || frame <= FRAME_BYTES {
            return self.define_as(id, context, about, spans);
        }
        let body = self.declare()?;
        super::front::emit(self, id, body, frame, about.clone())?;
        self.define_as(body, context, about, spans)
    }

    /// Puts compiled code into the module.
    fn define_as(
        &mut self,
        id: FuncId,
        context: &mut Context,
        mut about: PendingFunction,
        spans: &[Span],
    ) -> Result<(), CompileError> {
        let compiled = context.compiled_code().ok_or_else(|| CompileError::backend("no code"))?;
        self.unwind.note(id, compiled, self.module.isa())?;
        let relocations: Vec<_> = (compiled.buffer.relocs().iter())
            .map(|relocation| ModuleReloc::from_mach_reloc(relocation, &context.func, id))
            .collect();
        let alignment = u64::from(compiled.buffer.alignment);
        let bytes = super::frame_pointer::bytes_of(compiled)?;
        let defined = self.module.define_function_bytes(id, alignment, &bytes, &relocations);
        defined.map_err(CompileError::backend)?;
        about.size = compiled.code_buffer().len();
        about.sites = super::call_sites::sites(compiled, spans);
        about.places = super::call_sites::places(compiled, spans);
        self.functions.push((id, about));
        self.module.clear_context(context);
        Ok(())
    }

    /// To be emitted before each call of native function `id`: where stacks move, the call goes by [`sched::native_call`], which finds
    /// the function's address in the task.
    pub(super) fn announce(&self, builder: &mut FunctionBuilder<'_>, id: FuncId) {
        let Some(address) = self.natives.get(&id).filter(|_| self.stacks == Stacks::Copy) else { return };
        let task = super::task::current_task(builder);
        let address = builder.ins().iconst(I64, *address as i64);
        builder.ins().store(PLAIN, address, task, sched::TARGET_OFFSET as i32);
    }

    /// A description of a function of the current program, without code yet.
    pub(super) fn about(&self, name: &Rc<str>, span: Span) -> PendingFunction {
        PendingFunction {
            name: Rc::clone(name),
            file: Some(Rc::clone(&self.file)),
            is_prelude: self.is_prelude,
            span,
            is_managed: true,
            size: 0,
            sites: Vec::new(),
            places: Vec::new(),
        }
    }

    /// An empty function context.
    pub(super) fn contexts(&self) -> (Context, FunctionBuilderContext) {
        (self.module.make_context(), FunctionBuilderContext::new())
    }

    /// Links everything. `heap_limit` is for the message when that is reached.
    ///
    /// # Errors
    ///
    /// [`CompileError::Backend`] if the code cannot be made executable.
    pub fn finish(&mut self, heap_limit: usize) -> Result<Image, CompileError> {
        glue::emit_signal(self)?;
        self.drain()?;
        let program = glue::emit_program(self)?;
        let mut frames = FrameTable::default();
        base::describe(&mut frames);
        let code = self.link(&mut frames)?;
        let frames = Arc::new(frames);
        self.frames = Some(Arc::clone(&frames));
        let (program, signal) = (self.address(program), self.address(self.signal));
        let out_of_memory = self.constants.condition(&Fault::OutOfMemory { limit: heap_limit })?;
        let standard_ports = self.constants.standard_ports()?;
        let (heap, constants, symbols) = self.constants.share();
        let (globals, stacks) = (Arc::clone(&self.globals), self.stacks);
        Ok(Image {
            code,
            heap,
            constants,
            symbols,
            standard_ports,
            globals,
            frames,
            program,
            signal,
            out_of_memory,
            stacks,
        })
    }

    /// Makes all code so far executable, and takes it down in `frames` and for others.
    fn link(&mut self, frames: &mut FrameTable) -> Result<KnownCode, CompileError> {
        self.module.finalize_definitions().map_err(CompileError::backend)?;
        for (closure, code) in std::mem::take(&mut self.unpatched) {
            closure.word(1).store(self.address(code) as u64, std::sync::atomic::Ordering::Relaxed);
        }
        let mut named = Vec::new();
        for (id, mut function) in std::mem::take(&mut self.functions) {
            let start = self.address(id);
            named.push(NamedCode {
                name: Rc::clone(&function.name),
                code: start..start + function.size,
                source: Source::of(&mut function),
            });
            function.settle(start, frames);
        }
        frames.seal();
        self.thunks.clear();
        self.perf_map.as_mut().map_or(Ok(()), |map| map.add(&named)).map_err(CompileError::backend)?;
        let unwind = std::mem::take(&mut self.unwind).register(self.module.isa(), |id| self.address(id))?;
        KnownCode::new(&named, unwind)
    }

    /// Writes down for perf where each function lies, from the next time on that code is linked.
    pub fn write_perf_map(&mut self, map: PerfMap) {
        self.perf_map = Some(map);
    }

    fn address(&self, id: FuncId) -> usize {
        self.module.get_finalized_function(id) as usize
    }

    /// Compiles a program while another one runs. Returns a procedure without arguments that runs it.
    ///
    /// # Errors
    ///
    /// As [`Compiler::add_program`]. What was compiled of it stays, and is never called.
    pub fn extend(&mut self, program: &Program) -> Result<Value, CompileError> {
        self.may_be_redefined = true;
        let added = self.add_program(program).and_then(|()| glue::emit_program(self));
        let code = added.inspect_err(|_| self.thunks.clear())?;
        let closure = self.new_constant_closure(Arity::Exactly(0), code)?;
        let mut frames = FrameTable::default();
        let known = self.link(&mut frames)?;
        self.later_code.push(known);
        if let Some(all) = &self.frames {
            all.extend(frames);
        }
        Ok(closure.value())
    }

    /// Gives the memory of the code back.
    ///
    /// # Safety
    ///
    /// Nobody runs it any more.
    pub unsafe fn free(self) {
        // SAFETY: passed on.
        unsafe { self.module.free_memory() }
    }

    /// The top-level forms so far.
    pub(super) fn thunks(&self) -> &[FuncId] {
        &self.thunks
    }
}

/// How many arguments a lambda takes.
pub fn arity_of(lambda: &Lambda) -> Arity {
    let count = lambda.params.len() as u8;
    if lambda.rest.is_some() { Arity::AtLeast(count) } else { Arity::Exactly(count) }
}

/// The C signature of a primitive: the task, and its arguments or their count and the first four.
pub fn primitive_signature(primitive: &Primitive) -> Signature {
    match primitive.arity {
        Arity::Exactly(n) => c_signature(1 + usize::from(n), true),
        Arity::AtLeast(_) => c_signature(2 + super::helper::REGISTER_ARGUMENTS, true),
    }
}

fn import(module: &mut JITModule, name: &str, signature: &Signature) -> Result<FuncId, CompileError> {
    module.declare_function(name, Linkage::Import, signature).map_err(CompileError::backend)
}
