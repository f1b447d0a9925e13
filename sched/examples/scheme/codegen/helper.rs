//! The runtime's entry points that compiled code calls by itself. Each takes the task first.
//!
//! Like a primitive, an entry point that returns a word says with [`Value::FAILED`](crate::scheme::value::Value::FAILED) that
//! it has failed: the fault waits in the task, and compiled code raises it, where it stands.

use cranelift_codegen::ir::{AbiParam, Signature, types::I64};
use cranelift_codegen::isa::CallConv;

use super::task;
use crate::scheme::runtime::{allocate, arithmetic, calls, check, conditions};

/// A runtime entry point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Helper {
    /// `(task) -> condition`: describes the pending fault.
    Condition,
    /// `(task, closure, a0 … a3) -> word`, with the count in the task: the stack limit was reached: a safepoint, a larger stack, or a fault.
    StackCheck,
    /// `(task, count | required << 32, a0 … a3) -> list` of the arguments behind the required ones.
    Rest,
    /// `(task, count, a0 … a3) -> count + 1`: spreads `apply`'s arguments over the task's registers.
    Apply,
    /// `(task, callee, count)`: always fails.
    CallError,
    /// `(task, number of the global)`: always fails.
    Unbound,
    /// `(task, name symbol)`: always fails.
    Unassigned,
    /// `(task, header, code) -> closure` whose captured values are still to be stored.
    Closure,
    /// `(task, value) -> box`.
    Box,
    /// `(task, value)`: the write barrier's slow path.
    Shade,
    /// `(task, a, b) -> sum`.
    Add,
    /// `(task, a, b) -> difference`.
    Subtract,
    /// `(task, a, b) -> product`.
    Multiply,
    /// `(task, a, b) -> boolean`.
    Equal,
    /// `(task, a, b) -> boolean`.
    Less,
    /// `(task, a, b) -> boolean`.
    Greater,
    /// `(task, a, b) -> boolean`.
    LessOrEqual,
    /// `(task, a, b) -> boolean`.
    GreaterOrEqual,
}

impl Helper {
    /// All of them.
    pub const ALL: [Helper; 18] = [
        Helper::Condition,
        Helper::StackCheck,
        Helper::Rest,
        Helper::Apply,
        Helper::CallError,
        Helper::Unbound,
        Helper::Unassigned,
        Helper::Closure,
        Helper::Box,
        Helper::Shade,
        Helper::Add,
        Helper::Subtract,
        Helper::Multiply,
        Helper::Equal,
        Helper::Less,
        Helper::Greater,
        Helper::LessOrEqual,
        Helper::GreaterOrEqual,
    ];

    /// The name it is imported under.
    pub fn symbol(self) -> String {
        format!("helper:{self:?}")
    }

    /// Where its code is.
    pub fn address(self) -> *const u8 {
        match self {
            Helper::Condition => conditions::condition as *const u8,
            Helper::StackCheck => check::stack_check as *const u8,
            Helper::Rest => calls::rest as *const u8,
            Helper::Apply => calls::apply as *const u8,
            Helper::CallError => calls::call_error as *const u8,
            Helper::Unbound => calls::unbound as *const u8,
            Helper::Unassigned => calls::unassigned as *const u8,
            Helper::Closure => allocate::closure as *const u8,
            Helper::Box => allocate::new_box as *const u8,
            Helper::Shade => allocate::shade as *const u8,
            Helper::Add => arithmetic::add as *const u8,
            Helper::Subtract => arithmetic::subtract as *const u8,
            Helper::Multiply => arithmetic::multiply as *const u8,
            Helper::Equal => arithmetic::equal as *const u8,
            Helper::Less => arithmetic::less as *const u8,
            Helper::Greater => arithmetic::greater as *const u8,
            Helper::LessOrEqual => arithmetic::less_or_equal as *const u8,
            Helper::GreaterOrEqual => arithmetic::greater_or_equal as *const u8,
        }
    }

    /// Number of words it takes, the task included.
    fn parameters(self) -> usize {
        match self {
            Helper::Condition => 1,
            Helper::StackCheck | Helper::Rest | Helper::Apply => 6,
            Helper::Unbound | Helper::Unassigned | Helper::Box | Helper::Shade => 2,
            _ => 3,
        }
    }

    /// Does it return a word? Zero means that it has failed.
    fn returns(self) -> bool {
        self != Helper::Shade
    }

    /// Its C signature.
    pub fn signature(self) -> Signature {
        c_signature(self.parameters(), self.returns())
    }
}

/// The signature of a C function of so many words, which all fit into registers: the way to another stack takes no others along.
pub fn c_signature(parameters: usize, returns: bool) -> Signature {
    assert!(parameters <= 6, "a native function takes six words at most");
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.extend((0..parameters).map(|_| AbiParam::new(I64)));
    signature.returns.extend(returns.then(|| AbiParam::new(I64)));
    signature
}

/// The signature of every compiled procedure: closure, argument count, first four arguments, the [task] where it is passed; one result.
///
/// There never are stack arguments: a tail call with more of them would move the return address.
pub fn scheme_signature() -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.extend((0..2 + REGISTER_ARGUMENTS).map(|_| AbiParam::new(I64)));
    signature.returns.push(AbiParam::new(I64));
    task::add_parameter(&mut signature);
    signature
}

/// The signature of the code that raises the pending fault. It does not return.
pub fn signal_signature() -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature.returns.push(AbiParam::new(I64));
    task::add_parameter(&mut signature);
    signature
}

/// How many arguments are passed in registers.
pub const REGISTER_ARGUMENTS: usize = 4;
