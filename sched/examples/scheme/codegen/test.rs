//! Conditions: branch straight from a comparison, without making a boolean first.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, Block, InstBuilder};

use super::function::{Emitted, FunctionCompiler};
use super::global::Binding;
use super::helper::Helper;
use crate::scheme::core::{Datum, Expr, ExprKind};
use crate::scheme::object::Kind;
use crate::scheme::value::Value;

/// A primitive that is a question about its arguments, answered in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// `eq?`.
    Same,
    /// Is it this constant? `not`, `null?`.
    Is(Value),
    /// Is it an object of this kind? `pair?`, `vector?` …
    Kind(Kind),
    /// `char?`.
    Character,
    /// `eqv?` and `equal?`: in line unless both are objects.
    Equivalent(&'static str),
    /// A comparison of two characters by the primitive of that name.
    Characters(IntCC, &'static str),
    /// `even?`, `odd?`: what bit 0 of the number has to be.
    Parity(i64, &'static str),
    /// A comparison of two numbers: in line for fixnums, else the helper's answer.
    Compare(IntCC, Helper),
    /// `zero?`.
    Zero,
}

impl Question {
    /// The question that a primitive asks of so many arguments.
    pub fn of(name: &str, count: usize) -> Option<Question> {
        Some(match (name, count) {
            ("eq?", 2) => Question::Same,
            ("not", 1) => Question::Is(Value::FALSE),
            ("null?", 1) => Question::Is(Value::NIL),
            ("pair?", 1) => Question::Kind(Kind::Pair),
            ("vector?", 1) => Question::Kind(Kind::Vector),
            ("string?", 1) => Question::Kind(Kind::String),
            ("symbol?", 1) => Question::Kind(Kind::Symbol),
            ("char?", 1) => Question::Character,
            ("eqv?", 2) => Question::Equivalent("eqv?"),
            ("equal?", 2) => Question::Equivalent("equal?"),
            ("char=?", 2) => Question::Characters(IntCC::Equal, "char=?"),
            ("char<?", 2) => Question::Characters(IntCC::UnsignedLessThan, "char<?"),
            ("char>?", 2) => Question::Characters(IntCC::UnsignedGreaterThan, "char>?"),
            ("char<=?", 2) => Question::Characters(IntCC::UnsignedLessThanOrEqual, "char<=?"),
            ("char>=?", 2) => Question::Characters(IntCC::UnsignedGreaterThanOrEqual, "char>=?"),
            ("even?", 1) => Question::Parity(0, "even?"),
            ("odd?", 1) => Question::Parity(1, "odd?"),
            ("=", 2) => Question::Compare(IntCC::Equal, Helper::Equal),
            ("<", 2) => Question::Compare(IntCC::SignedLessThan, Helper::Less),
            (">", 2) => Question::Compare(IntCC::SignedGreaterThan, Helper::Greater),
            ("<=", 2) => Question::Compare(IntCC::SignedLessThanOrEqual, Helper::LessOrEqual),
            (">=", 2) => Question::Compare(IntCC::SignedGreaterThanOrEqual, Helper::GreaterOrEqual),
            ("zero?", 1) => Question::Zero,
            _ => return None,
        })
    }
}

impl FunctionCompiler<'_, '_> {
    /// Goes to `yes` if `e` is true, else to `no`. Both blocks are the caller's to fill.
    pub(super) fn test(&mut self, e: &Expr, yes: Block, no: Block) -> Emitted<()> {
        self.at(e.span);
        match &e.kind {
            ExprKind::Const(datum) => {
                self.jump(if *datum == Datum::Bool(false) { no } else { yes }, &[]);
                Ok(())
            }
            ExprKind::If(condition, then, otherwise) => {
                self.test_conditional(condition, [then, otherwise], yes, no)
            }
            ExprKind::Let(bindings, body) => {
                self.bind_let(bindings)?;
                self.test(body, yes, no)
            }
            ExprKind::Call(callee, args) => self.test_call(e, callee, args, yes, no),
            _ => self.test_value(e, yes, no),
        }
    }

    fn test_value(&mut self, e: &Expr, yes: Block, no: Block) -> Emitted<()> {
        let value = self.value(e)?;
        self.branch_if(IntCC::NotEqual, value, Value::FALSE.0 as i64, yes, no);
        Ok(())
    }

    fn test_conditional(&mut self, condition: &Expr, arms: [&Expr; 2], yes: Block, no: Block) -> Emitted<()> {
        let blocks = [self.builder.create_block(), self.builder.create_block()];
        self.test(condition, blocks[0], blocks[1])?;
        for (block, arm) in blocks.into_iter().zip(arms) {
            self.builder.switch_to_block(block);
            self.test(arm, yes, no)?;
        }
        Ok(())
    }

    fn test_call(&mut self, e: &Expr, callee: &Expr, args: &[Expr], yes: Block, no: Block) -> Emitted<()> {
        let ExprKind::Global(name) = &callee.kind else { return self.test_value(e, yes, no) };
        let is_primitive = matches!(self.unit.binding(name)?, Binding::Primitive(_));
        let Some(question) = Question::of(name, args.len()).filter(|_| is_primitive) else {
            return self.test_value(e, yes, no);
        };
        if question == Question::Is(Value::FALSE) {
            return self.test(&args[0], no, yes);
        }
        let values: Emitted<Vec<ir::Value>> = args.iter().map(|arg| self.value(arg)).collect();
        self.at(e.span);
        self.ask(question, &values?, yes, no);
        Ok(())
    }

    /// Answers a question by a branch.
    pub(super) fn ask(&mut self, question: Question, values: &[ir::Value], yes: Block, no: Block) {
        match question {
            Question::Same => {
                let same = self.builder.ins().icmp(IntCC::Equal, values[0], values[1]);
                self.branch(same, (yes, &[]), (no, &[]));
            }
            Question::Is(constant) => self.branch_if(IntCC::Equal, values[0], constant.0 as i64, yes, no),
            Question::Kind(kind) => self.branch_on_kind(values[0], kind, yes, no),
            Question::Character => {
                let tag = self.builder.ins().band_imm_s(values[0], 0xff);
                self.branch_if(IntCC::Equal, tag, Value::CHARACTER_TAG as i64, yes, no);
            }
            Question::Equivalent(name) => self.equivalent(name, values, yes, no),
            Question::Characters(cc, name) => self.compare_characters(cc, name, values, yes, no),
            Question::Parity(bit, name) => self.parity(bit, name, values, yes, no),
            Question::Compare(cc, helper) => self.compare(cc, helper, [values[0], values[1]], yes, no),
            Question::Zero => {
                let zero = self.constant(Value::index(0));
                self.compare(IntCC::Equal, Helper::Equal, [values[0], zero], yes, no);
            }
        }
    }

    /// What is the same word is equivalent, and what is not is not, unless both are objects.
    fn equivalent(&mut self, name: &str, values: &[ir::Value], yes: Block, no: Block) {
        let (differ, slow) = (self.builder.create_block(), self.cold_block());
        let same = self.builder.ins().icmp(IntCC::Equal, values[0], values[1]);
        self.branch(same, (yes, &[]), (differ, &[]));
        self.builder.switch_to_block(differ);
        let tags = self.builder.ins().bor(values[0], values[1]);
        let tags = self.builder.ins().band_imm_s(tags, 7);
        self.branch_if(IntCC::Equal, tags, 0, slow, no);
        self.ask_primitive(name, values, slow, yes, no);
    }

    /// Tagging keeps the order of characters.
    fn compare_characters(&mut self, cc: IntCC, name: &str, values: &[ir::Value], yes: Block, no: Block) {
        let (fast, slow) = (self.builder.create_block(), self.cold_block());
        let tags = [0, 1].map(|i| self.builder.ins().bxor_imm_s(values[i], Value::CHARACTER_TAG as i64));
        let tags = self.builder.ins().bor(tags[0], tags[1]);
        let tags = self.builder.ins().band_imm_s(tags, 0xff);
        self.branch_if(IntCC::Equal, tags, 0, fast, slow);
        self.builder.switch_to_block(fast);
        let holds = self.builder.ins().icmp(cc, values[0], values[1]);
        self.branch(holds, (yes, &[]), (no, &[]));
        self.ask_primitive(name, values, slow, yes, no);
    }

    /// Bit 1 of the word is bit 0 of the fixnum.
    fn parity(&mut self, bit: i64, name: &str, values: &[ir::Value], yes: Block, no: Block) {
        let (fast, slow) = (self.builder.create_block(), self.cold_block());
        self.branch_if_fixnums(values, fast, slow);
        self.builder.switch_to_block(fast);
        let lowest = self.builder.ins().band_imm_s(values[0], 2);
        self.branch_if(IntCC::Equal, lowest, bit << 1, yes, no);
        self.ask_primitive(name, values, slow, yes, no);
    }

    /// In `block`, lets the real primitive answer.
    fn ask_primitive(&mut self, name: &str, values: &[ir::Value], block: Block, yes: Block, no: Block) {
        self.builder.switch_to_block(block);
        let answer = self.call_named(name, values);
        self.branch_if(IntCC::NotEqual, answer, Value::FALSE.0 as i64, yes, no);
    }

    /// Is it an object of that kind?
    pub(super) fn branch_on_kind(&mut self, value: ir::Value, kind: Kind, yes: Block, no: Block) {
        let object = self.builder.create_block();
        let tag = self.builder.ins().band_imm_s(value, 7);
        self.branch_if(IntCC::Equal, tag, 0, object, no);
        self.builder.switch_to_block(object);
        let header = self.load(value, 0);
        let found = self.builder.ins().band_imm_s(header, 0xff);
        self.branch_if(IntCC::Equal, found, kind as i64, yes, no);
    }

    fn compare(&mut self, cc: IntCC, helper: Helper, values: [ir::Value; 2], yes: Block, no: Block) {
        let (fast, slow) = (self.builder.create_block(), self.cold_block());
        self.branch_if_fixnums(&values, fast, slow);
        self.builder.switch_to_block(slow);
        let answer = self.call_helper_value(helper, &values);
        self.branch_if(IntCC::NotEqual, answer, Value::FALSE.0 as i64, yes, no);
        self.builder.switch_to_block(fast);
        // Tagging keeps the order.
        let holds = self.builder.ins().icmp(cc, values[0], values[1]);
        self.branch(holds, (yes, &[]), (no, &[]));
    }

    /// Are all of them fixnums?
    pub(super) fn branch_if_fixnums(&mut self, values: &[ir::Value], yes: Block, no: Block) {
        let both = values.iter().copied().reduce(|a, b| self.builder.ins().band(a, b));
        let both = both.unwrap_or_else(|| self.word(1));
        let low = self.builder.ins().band_imm_s(both, 1);
        self.branch(low, (yes, &[]), (no, &[]));
    }
}
