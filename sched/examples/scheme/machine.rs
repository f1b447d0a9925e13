//! What runtime code in Rust works with: the task that it runs on, the heap, the way out when something is wrong.
//!
//! Values in a Rust frame are found by the conservative scan of that frame. Values in a `Vec` are not: nothing
//! that can allocate may run while the only copy of a reference is there.

use std::sync::atomic::Ordering;

use gc_mark::heap::{HeapError, MarkSweep};
use num_bigint::{BigInt, Sign};

pub use gc_mark::heap::AllocCache;

use super::continuation::base::{BASE_BYTES, scheme_leave};
use super::continuation::state::{Dynamic, Rest};
use super::fault::{Failure, Fault};
use super::language::Scheme;
use super::numbers::Number;
use super::numbers::complex::Complex;
use super::object::{Header, Kind, ObjectRef, SchemeModel, bytes_of};
use super::primitives::Outcome;
use super::primitives::check::elements;
use super::runtime::backtrace;
use super::runtime::check::set_overflowing;
use super::runtime::state::TaskState;
use super::value::Value;

/// The heap of Scheme objects.
pub type Heap = MarkSweep<SchemeModel>;
/// A green thread that runs Scheme.
pub type Task = sched::Task<Scheme>;
/// The running one.
pub type Current<'t> = sched::Current<'t, Scheme>;

/// Where a task keeps its stack limit, in bytes from its address.
pub const STACK_LIMIT_OFFSET: usize = std::mem::offset_of!(Task, stack_limit);
/// Where it keeps its [`TaskState`].
pub const LANGUAGE_OFFSET: usize = std::mem::offset_of!(Task, language);

/// Bytes that a worker allocates between two looks at whether a collection is due.
const PACING_BYTES: usize = 32 << 10;

/// An OS thread's part of the language.
#[derive(Debug)]
pub struct Worker {
    /// Where its tasks allocate from.
    pub cache: AllocCache,
    /// Bytes allocated since the last look.
    pub unpaced: usize,
}

/// The running task, for runtime code.
#[derive(Debug)]
pub struct Machine<'t> {
    current: Current<'t>,
}

impl<'t> Machine<'t> {
    /// From what compiled code passes.
    ///
    /// # Safety
    ///
    /// The caller runs on that very task.
    pub unsafe fn from_raw(task: *const Task) -> Machine<'t> {
        // SAFETY: passed on.
        Machine { current: unsafe { Current::from_raw(task) } }
    }

    /// The task, for the scheduler's own calls.
    pub fn current(&self) -> &Current<'t> {
        &self.current
    }

    /// The language.
    pub fn scheme(&self) -> &'t Scheme {
        self.current.language()
    }

    /// The task's part of it.
    pub fn state(&self) -> &'t TaskState {
        &self.current.task().language
    }

    /// The port in force, by the number of the standard stream that it stands for: `parameterize` binds those ports like
    /// parameters.
    pub fn port(&self, which: usize) -> Value {
        let standard = self.scheme().standard_ports[which];
        let bindings = elements(self.state().continuation.dynamic(Dynamic::Parameters));
        let binding = bindings.filter_map(|binding| ObjectRef::of(binding, Kind::Pair));
        let own = binding.into_iter().find(|binding| binding.field(1) == standard);
        own.map_or(standard, |binding| binding.field(2))
    }

    /// The stack pointer of the program: where its youngest frame waits for native code that runs elsewhere; or roughly here.
    pub fn stack_pointer(&self) -> usize {
        let here = 0_usize;
        self.current.waits_at().map_or((&raw const here) as usize, |registers| registers.sp)
    }

    /// Shows a value that was stored to the collector, if it marks.
    pub fn shade(&self, value: Value) {
        if self.current.is_marking() {
            self.current.shade(value.0 as usize);
        }
    }

    /// Stores a value into word `index` of a live object.
    pub fn store(&self, object: ObjectRef, index: usize, value: Value) {
        object.word(index).store(value.0, Ordering::Relaxed);
        self.shade(value);
    }

    /// Makes the first `count` buffered arguments roots, or none.
    pub fn keep_arguments(&self, count: usize) {
        let state = self.state();
        state.keep_arguments(count);
        if self.current.is_marking() {
            (0..count).for_each(|i| self.current.shade(state.argument(i).0 as usize));
        }
    }

    /// A new object. A safepoint.
    ///
    /// # Errors
    ///
    /// [`Fault::OutOfMemory`].
    pub fn object(&self, header: Header, words: &[Value]) -> Outcome {
        let object = self.allocate(bytes_of(words.len()))?;
        object.word(0).store(header.0, Ordering::Relaxed);
        for (i, word) in words.iter().enumerate() {
            // Born black while marking, so initialising stores are shaded (I3).
            self.store(object, 1 + i, *word);
        }
        Ok(object.value())
    }

    /// A new pair.
    pub fn pair(&self, car: Value, cdr: Value) -> Outcome {
        self.object(Header::plain(Kind::Pair), &[car, cdr])
    }

    /// A new flonum.
    pub fn flonum(&self, x: f64) -> Outcome {
        let object = self.allocate(bytes_of(1))?;
        object.word(0).store(Header::plain(Kind::Flonum).0, Ordering::Relaxed);
        object.word(1).store(x.to_bits(), Ordering::Relaxed);
        Ok(object.value())
    }

    /// A number, as an object if it needs one.
    ///
    /// # Errors
    ///
    /// [`Fault::OutOfMemory`].
    pub fn number(&self, n: Number) -> Outcome {
        match n {
            Number::Fix(n) => Value::fixnum(n).map_or_else(|| self.bignum(&n.into()), Ok),
            Number::Flo(x) => self.flonum(x),
            Number::Big(n) => self.bignum(&n),
            Number::Rat(r) => {
                let numerator = self.number(Number::integer(r.numer().clone()))?;
                let denominator = self.number(Number::integer(r.denom().clone()))?;
                self.object(Header::plain(Kind::Ratnum), &[numerator, denominator])
            }
        }
    }

    /// A complex number, or the real one that it is.
    ///
    /// # Errors
    ///
    /// [`Fault::OutOfMemory`].
    pub fn complex(&self, z: Complex) -> Outcome {
        if let Some(real) = z.as_real() {
            return self.number(real.clone());
        }
        let (re, im) = (self.number(z.re)?, self.number(z.im)?);
        self.object(Header::plain(Kind::Compnum), &[re, im])
    }

    fn bignum(&self, n: &BigInt) -> Outcome {
        let digits = n.magnitude().iter_u32_digits();
        let length = digits.len();
        let object = self.allocate(self.checked_bytes(length, size_of::<u32>())?)?;
        let header = Header::bignum(n.sign() == Sign::Minus, length);
        object.word(0).store(header.0, Ordering::Relaxed);
        for (i, digit) in digits.enumerate() {
            // SAFETY: inside of the fresh object, which nobody else has yet.
            unsafe { object.data::<u32>().add(i).write(digit) };
        }
        Ok(object.value())
    }

    /// A new bytevector.
    pub fn bytevector(&self, bytes: &[u8]) -> Outcome {
        let object = self.allocate(self.checked_bytes(bytes.len(), 1)?)?;
        object.word(0).store(Header::with_length(Kind::Bytevector, bytes.len()).0, Ordering::Relaxed);
        // SAFETY: the fresh object has room for the bytes, and nobody else has it yet.
        unsafe { object.data::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(object.value())
    }

    /// A new vector.
    pub fn vector(&self, length: usize, fill: Value) -> Outcome {
        let object = self.allocate(self.checked_bytes(length, size_of::<u64>())?)?;
        object.word(0).store(Header::with_length(Kind::Vector, length).0, Ordering::Relaxed);
        (0..length).for_each(|i| object.word(1 + i).store(fill.0, Ordering::Relaxed));
        self.shade(fill);
        Ok(object.value())
    }

    /// A new object with room for `length` values after its header, all of them `#f`.
    ///
    /// # Errors
    ///
    /// [`Fault::OutOfMemory`].
    pub fn sequence(&self, header: Header, length: usize) -> Result<ObjectRef, Fault> {
        let object = self.allocate(self.checked_bytes(length, size_of::<u64>())?)?;
        object.word(0).store(header.0, Ordering::Relaxed);
        (0..length).for_each(|i| object.word(1 + i).store(Value::FALSE.0, Ordering::Relaxed));
        Ok(object)
    }

    /// A new string of these characters.
    pub fn string(&self, characters: impl ExactSizeIterator<Item = u32>) -> Outcome {
        let length = characters.len();
        let object = self.allocate(self.checked_bytes(length, size_of::<u32>())?)?;
        object.word(0).store(Header::with_length(Kind::String, length).0, Ordering::Relaxed);
        for (i, character) in characters.enumerate() {
            // SAFETY: inside of the fresh object, which nobody else has yet.
            unsafe { object.data::<u32>().add(i).write(character) };
        }
        Ok(object.value())
    }

    /// A new string.
    pub fn string_from(&self, text: &str) -> Outcome {
        let characters: Vec<u32> = text.chars().map(u32::from).collect();
        self.string(characters.into_iter())
    }

    /// The symbol of that name, made if there is none.
    pub fn symbol(&self, name: &str) -> Outcome {
        let symbols = &self.scheme().symbols;
        if let Some(symbol) = symbols.find(name) {
            return Ok(symbol);
        }
        let object = self.allocate(bytes_of(name.len().div_ceil(size_of::<u64>())))?;
        object.word(0).store(Header::with_length(Kind::Symbol, name.len()).0, Ordering::Relaxed);
        // SAFETY: the fresh object has room for the name, and nobody else has it yet.
        unsafe { object.data::<u8>().copy_from_nonoverlapping(name.as_ptr(), name.len()) };
        let symbol = symbols.add(name, object.value());
        self.shade(symbol);
        Ok(symbol)
    }

    /// Bytes of an object with `count` things of `each` bytes, if a heap can hold it.
    ///
    /// # Errors
    ///
    /// [`Fault::OutOfMemory`].
    pub fn checked_bytes(&self, count: usize, each: usize) -> Result<usize, Fault> {
        let bytes = count.checked_mul(each).and_then(|n| n.checked_add(size_of::<u64>()));
        bytes.filter(|n| *n <= self.scheme().heap_limit).ok_or(self.out_of_memory())
    }

    /// Refuses an object that is larger than the whole heap may be.
    ///
    /// # Errors
    ///
    /// [`Fault::OutOfMemory`].
    pub fn check_size(&self, bytes: usize) -> Result<(), Fault> {
        self.checked_bytes(bytes, 1).map(drop)
    }

    fn out_of_memory(&self) -> Fault {
        Fault::OutOfMemory { limit: self.scheme().heap_limit }
    }

    /// Memory for an object. The caller initialises it before its next safepoint.
    ///
    /// # Errors
    ///
    /// [`Fault::OutOfMemory`] when two collections in a row have not made room: what was garbage during the first may be
    /// marked still.
    pub fn allocate(&self, bytes: usize) -> Result<ObjectRef, Fault> {
        if self.scheme().gc_stress {
            self.current.collect();
        }
        for _ in 0..2 {
            match self.try_allocate(bytes) {
                Err(HeapError::Limit { .. }) => self.current.collect(),
                result => return result.map_err(|_| self.out_of_memory()),
            }
        }
        self.try_allocate(bytes).map_err(|_| self.out_of_memory())
    }

    fn try_allocate(&self, bytes: usize) -> Result<ObjectRef, HeapError> {
        let heap = &self.scheme().heap;
        let (memory, look) = self.current.with_worker(|worker| {
            worker.unpaced += bytes;
            let look = worker.unpaced >= PACING_BYTES;
            if look {
                worker.unpaced = 0;
            }
            (heap.alloc(&mut worker.cache, bytes), look)
        });
        if look && heap.wants_collection() && !self.current.is_marking() {
            self.current.request_collection();
        }
        // SAFETY: fresh memory, which the caller initialises.
        memory.map(|memory| unsafe { ObjectRef::at(memory.as_ptr() as usize) })
    }

    /// Ends a primitive: its value, or the sign that it has failed, on which compiled code raises the fault.
    pub fn deliver(&self, outcome: Outcome) -> Value {
        match outcome {
            Ok(value) => value,
            Err(fault) => self.refuse(fault),
        }
    }

    /// Leaves the fault in the task, for whoever called to raise it. Those that cannot be handled end the program at once.
    pub fn refuse(&self, fault: Fault) -> Value {
        if fault.is_final() {
            self.leave(fault);
        }
        self.state().set_pending(fault);
        Value::FAILED
    }

    /// Leaves the program with a fault. Frames in between are dropped without running anything: nothing
    /// droppable may be in them but what is passed here.
    pub fn leave(&self, fault: Fault) -> ! {
        self.leave_with(backtrace::describe(self, fault))
    }

    fn leave_with(&self, failure: Failure) -> ! {
        self.give_up(failure);
        self.current.skip_barriers(self.below_base());
        // SAFETY: the frame of `scheme_base` lies there; `run` has called it. All below is dropped, its barriers skipped.
        unsafe { scheme_leave(self.base()) }
    }

    /// Notes how the program ended, and that its frames are as good as gone.
    pub fn give_up(&self, failure: Failure) {
        self.state().set_failure(failure);
        self.keep_arguments(0);
        set_overflowing(self, false);
        self.set_rest(Rest::END);
    }

    /// Top of the stack.
    pub fn top(&self) -> usize {
        self.current.stack_bounds().end
    }

    /// Address of the frame record of `scheme_base`, under which compiled code runs.
    pub fn base(&self) -> usize {
        self.top() - self.state().continuation.base_depth()
    }

    /// Stack pointer of `scheme_base` while what it has called runs, or has returned.
    pub fn below_base(&self) -> usize {
        self.base() - BASE_BYTES
    }

    /// Sets what lies beyond the base.
    pub fn set_rest(&self, rest: Rest) {
        self.state().continuation.set_rest(rest);
        self.shade(rest.frames);
    }

    /// Sets a part of the dynamic environment.
    pub fn set_dynamic(&self, which: Dynamic, value: Value) {
        self.state().continuation.set_dynamic(which, value);
        self.shade(value);
    }
}
