//! Where compiled code is entered, and where its frames end: one file of assembly per architecture, with the same symbols.
//!
//! ```text
//!   scheme_enter      Rust's callee-saved registers             the task is where compiled code has it, from here on
//!   scheme_base       frame record = the base                   what it calls returns to scheme_underflow,
//!                                                               and so does every chunk of frames that is put back
//!   scheme_call_cc    frame record, kept registers, argument, receiver
//! ```
//!
//! | item of each file | what |
//! |---|---|
//! | [`KEPT_REGISTERS`] | how many registers a frame finds as it left them, besides stack and frame pointer |
//! | [`BASE_BYTES`] | what the base keeps below its record |
//! | `CALL_CC_SLOTS` | where `scheme_call_cc` keeps its references |
//! | `scheme_enter` | C convention, `(task, code, closure) -> value`: calls compiled code that takes no arguments |
//! | `scheme_base` | the outermost frame with a map |
//! | `scheme_underflow` | what the base's callee returns to |
//! | `scheme_resume` | puts frames back and goes on in them |
//! | `scheme_call_cc` | compiled convention, `(receiver, argument)`: tail-calls `(receiver continuation argument)` |
//! | `scheme_leave` | returns nothing from the base |
//!
//! Functions of Rust are called through [`sched::native_call`]: on a stack that moves they run elsewhere.
//!
//! A return to `scheme_underflow` finds the frame pointer at the base, as any epilogue restores it – or the back chain leads there – and the stack
//! pointer somewhere below: to a walk the base is a frame that reaches from there to its record, with nothing in it.
//!
//! All these frames end with their [record](super::record), as Cranelift's do: the canonical frame address is right behind it.

use std::mem::offset_of;

use super::record::FOR_CALLEES;
use super::state::{ContinuationState, Resume};
use crate::scheme::codegen::REGISTER_ARGUMENTS;
use crate::scheme::core::Span;
use crate::scheme::frame_table::{FrameTable, FunctionRecord};
use crate::scheme::machine::{LANGUAGE_OFFSET, Task};
use crate::scheme::runtime::state::TaskState;
use crate::scheme::value::Value;

cfg_select! {
    target_arch = "x86_64" => {
        mod x86_64;
        use x86_64 as target;
    }
    target_arch = "aarch64" => {
        mod aarch64;
        use aarch64 as target;
    }
    target_arch = "riscv64" => {
        mod riscv64;
        use riscv64 as target;
    }
    target_arch = "s390x" => {
        mod s390x;
        use s390x as target;
    }
    _ => {
        compile_error!("the Scheme runs on x86_64, aarch64, riscv64 and s390x");
    }
}

use target::CALL_CC_SLOTS;
pub use target::{BASE_BYTES, KEPT_REGISTERS};

const STATE: usize = LANGUAGE_OFFSET + offset_of!(TaskState, continuation);
const RESUME: usize = STATE + offset_of!(ContinuationState, resume);
const LOW: usize = RESUME + offset_of!(Resume, low);
const SP: usize = RESUME + offset_of!(Resume, sp);
#[cfg(not(target_arch = "s390x"))]
const FP: usize = RESUME + offset_of!(Resume, fp);
const PC: usize = RESUME + offset_of!(Resume, pc);
const VALUE: usize = RESUME + offset_of!(Resume, value);
const KEPT: usize = RESUME + offset_of!(Resume, kept);
#[cfg(target_arch = "s390x")]
const COUNT: usize = LANGUAGE_OFFSET + TaskState::COUNT_OFFSET;
const REGISTERS: usize = LANGUAGE_OFFSET + TaskState::REGISTERS_OFFSET;
/// Compiled code is called with as many words: closure, count, arguments. All fit registers.
const _: () = assert!(REGISTER_ARGUMENTS == 4);

/// Most bytes that `scheme_call_cc` takes of the stack without having asked for room.
pub const CALL_CC_BYTES: usize = CALL_CC_SLOTS[0] as usize + FOR_CALLEES;

unsafe extern "C-unwind" {
    fn scheme_enter(task: usize, code: usize, closure: Value) -> Value;
}

unsafe extern "C" {
    /// Drops every frame below the base, which returns the failed value.
    pub fn scheme_leave(base: usize) -> !;
    fn scheme_base();
    fn scheme_underflow();
    fn scheme_resume();
    fn scheme_call_cc();
    fn scheme_call_cc_captured();
    fn scheme_end();
}

/// Calls compiled code without arguments.
///
/// # Safety
///
/// The caller runs on `task`, and `code` is compiled code that takes no arguments and lives.
pub unsafe fn enter(task: *const Task, code: usize, closure: Value) -> Value {
    // SAFETY: passed on.
    unsafe { scheme_enter(task as usize, code, closure) }
}

/// Address of the code that calls compiled code without arguments: `extern "C" fn(task, code, closure) -> value`.
pub fn enter_code() -> usize {
    scheme_enter as *const () as usize
}

/// Where a chunk of frames returns to.
pub fn underflow_pc() -> usize {
    scheme_underflow as *const () as usize
}

/// Code with the compiled convention that goes on where [`Resume`] says.
pub fn resume_code() -> usize {
    scheme_resume as *const () as usize
}

/// Code of `(%call/cc receiver argument)`.
pub fn call_cc_code() -> usize {
    scheme_call_cc as *const () as usize
}

/// Tells `frames` of this code: its frames hold no references but those of `scheme_call_cc`.
pub fn describe(frames: &mut FrameTable) {
    let start = scheme_base as *const () as usize;
    let end = scheme_end as *const () as usize;
    frames.add_site(underflow_pc(), [], Span::default());
    frames.add_site(scheme_call_cc_captured as *const () as usize, CALL_CC_SLOTS, Span::default());
    frames.add_function(FunctionRecord {
        code: start..end,
        name: "base".into(),
        file: None,
        is_prelude: false,
        span: Span::default(),
        is_managed: true,
    });
}
