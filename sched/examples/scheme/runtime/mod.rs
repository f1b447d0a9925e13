//! What compiled code calls, and what calls compiled code.

pub mod allocate;
pub mod arguments;
pub mod arithmetic;
pub mod backtrace;
pub mod calls;
pub mod check;
pub mod conditions;
pub mod entry;
pub mod run;
pub mod state;
