//! From core programs to machine code, with Cranelift.
//!
//! # Calling convention
//!
//! ```text
//!   tail convention    (closure, argument count, a0, a1, a2, a3) -> result        all in registers
//!   arguments 4 …      in the task's buffer; the callee reads them before its first safepoint can end
//!   task               address of the task that runs: in a register that nobody else uses, or as a seventh word (`task`)
//! ```
//!
//! The caller checks that the callee is a procedure and takes that many arguments, so that the error names the
//! call. Prologues check the stack limit, which is also the safepoint poll: every loop is a call.
//!
//! # What makes frames precise, and lets barriers bound the re-scan over them (I4, I5)
//!
//! Every SSA value that can be a reference is declared to need a stack map: across a call it lies in a slot of its own
//! frame. No pointer to a frame is ever passed on, results come in one register, stores into the heap have the
//! write barrier.
//!
//! # Stacks that move
//!
//! Code for them ([`Stacks::Copy`](super::cli::Stacks)) differs in three points. It is not optimised: optimised code may keep the address of a stack slot
//! across a call, which the copy would have to adjust. Native functions are called through [`sched::native_call`], which takes
//! them to another stack. And a function whose frame is larger than what is kept free below the limit is
//! entered through a [front](front), which asks for the room before that frame is made.
//!
//! Code that Rust enters saves Rust's callee-saved registers in a frame that no map describes. Whoever enters must
//! not hold a value across the call; the driver does not. It is entered at the base of a task and nowhere else: nothing that
//! compiled code calls calls back, so frames can be copied ([`continuation`](super::continuation)).
//!
//! # What fails
//!
//! A helper or primitive that fails returns no value and leaves its fault in the task. The code behind the call tests for that and calls
//! `signal`, which makes a condition of the fault and tail-calls the prelude's `%raise-fault`: handlers run in the place of the
//! raise, as compiled code.
//!
//! # Files
//!
//! `scope` looks at variables, `task` says how code has its task, `unit` holds what all functions share and `global` the global names,
//! `function` is one function on its way, made of the pieces in `emit`;
//! `expression`, `binding`, `call`, `test` and `inline` each emit their forms; `glue` makes the code that has no source.
//! `frame_pointer` makes the frame pointer the ABI's. `known_code` is what was linked, as unwinders (`unwind_info`), debuggers (`jit_debug`) and perf (`perf_map`) know it.

mod binding;
mod call;
mod call_sites;
mod constant;
mod emit;
mod error;
mod expression;
mod frame_pointer;
mod front;
mod function;
mod global;
mod glue;
mod helper;
mod inline;
mod inline_data;
mod isa;
mod jit_debug;
#[cfg(all(test, target_arch = "x86_64"))]
mod jit_debug_tests;
mod known_code;
mod labels;
mod line_table;
mod overflow;
mod perf_map;
mod scope;
mod task;
mod test;
#[cfg(test)]
mod tests;
mod unit;
mod unwind_info;

pub use constant::Roots;
pub use error::CompileError;
pub use helper::REGISTER_ARGUMENTS;
pub use known_code::KnownCode;
pub use perf_map::PerfMap;
pub use scope::Analysed;
pub use unit::{Compiler, Image};
