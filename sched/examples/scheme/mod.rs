//! A Scheme compiled to machine code with Cranelift, to drive stack barriers with real programs.
//!
//! ```text
//!   text ── reader ── expand ──▶ core program ── codegen ──▶ Image ──▶ Scheme (a sched::Language)
//!                                                                        │ runs on tasks
//!                       primitives, runtime  ◀── calls ── compiled code ◀┘
//! ```
//!
//! [`build`] compiles a program text, [`Scheme`] is what a [`sched::Runtime`] is made of, [`runtime::run::start`] runs it on
//! one of its tasks. Any example can include this tree:
//!
//! ```ignore
//! #[path = "scheme/mod.rs"]
//! mod scheme;
//! ```

#![allow(
    unreachable_pub,
    dead_code,
    unused_imports,
    reason = "the tree is shared by examples that each use a part of it"
)]

mod alias;
#[cfg(test)]
mod any_source;
pub mod cli;
pub mod codegen;
pub mod concurrency;
pub mod continuation;
pub mod core;
#[cfg(all(test, target_arch = "x86_64"))]
mod debugger_tests;
pub mod expand;
mod expand_binding;
mod expand_body;
mod expand_control;
mod expand_expression;
mod expand_features;
mod expand_macro;
mod expand_record;
pub mod extent;
pub mod fault;
mod features;
pub mod frame_table;
pub mod globals;
mod import_sets;
pub mod incremental;
#[cfg(test)]
mod incremental_tests;
mod keyword;
pub mod language;
mod lexer;
mod libraries;
mod literal;
pub mod machine;
#[cfg(all(test, target_os = "linux"))]
mod many_tasks_tests;
#[cfg(test)]
mod moving_tests;
pub mod numbers;
pub mod object;
pub mod ports;
mod prelude;
pub mod primitives;
pub mod prompt;
mod quasiquote;
mod reader;
pub mod report;
pub mod runtime;
mod scope;
pub mod session;
pub mod stacks;
pub mod symbols;
mod syntax;
mod syntax_error;
mod syntax_rules;
#[cfg(test)]
mod tests;
mod top_level;
pub mod units;
#[cfg(test)]
mod unwind_tests;
pub mod value;

pub use language::Scheme;
pub use session::{BuildError, Options, build};
