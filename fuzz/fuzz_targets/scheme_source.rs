//! Program texts, see `sched/examples/scheme/any_source.rs`. Of the Scheme only what reads and expands is built.

#![no_main]
#![allow(dead_code, unreachable_pub, unused_imports, reason = "the Scheme is used in part")]

#[path = "../../sched/examples/scheme/alias.rs"]
mod alias;
#[path = "../../sched/examples/scheme/any_source.rs"]
mod any_source;
#[path = "../../sched/examples/scheme/core.rs"]
mod core;
#[path = "../../sched/examples/scheme/expand.rs"]
mod expand;
#[path = "../../sched/examples/scheme/expand_binding.rs"]
mod expand_binding;
#[path = "../../sched/examples/scheme/expand_body.rs"]
mod expand_body;
#[path = "../../sched/examples/scheme/expand_control.rs"]
mod expand_control;
#[path = "../../sched/examples/scheme/expand_expression.rs"]
mod expand_expression;
#[path = "../../sched/examples/scheme/expand_features.rs"]
mod expand_features;
#[path = "../../sched/examples/scheme/expand_macro.rs"]
mod expand_macro;
#[path = "../../sched/examples/scheme/expand_record.rs"]
mod expand_record;
#[path = "../../sched/examples/scheme/features.rs"]
mod features;
#[path = "../../sched/examples/scheme/import_sets.rs"]
mod import_sets;
#[path = "../../sched/examples/scheme/keyword.rs"]
mod keyword;
#[path = "../../sched/examples/scheme/lexer.rs"]
mod lexer;
#[path = "../../sched/examples/scheme/libraries.rs"]
mod libraries;
#[path = "../../sched/examples/scheme/literal.rs"]
mod literal;
#[path = "../../sched/examples/scheme/numbers/mod.rs"]
mod numbers;
#[path = "../../sched/examples/scheme/quasiquote.rs"]
mod quasiquote;
#[path = "../../sched/examples/scheme/reader.rs"]
mod reader;
#[path = "../../sched/examples/scheme/scope.rs"]
mod scope;
#[path = "../../sched/examples/scheme/syntax.rs"]
mod syntax;
#[path = "../../sched/examples/scheme/syntax_error.rs"]
mod syntax_error;
#[path = "../../sched/examples/scheme/syntax_rules.rs"]
mod syntax_rules;
#[path = "../../sched/examples/scheme/top_level.rs"]
mod top_level;
#[path = "../../sched/examples/scheme/value.rs"]
mod value;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| any_source::check(text));
