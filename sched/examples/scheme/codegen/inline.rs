//! Primitives that are emitted in line, with a call of the real one where the quick way does not apply: it raises
//! the error, or knows about flonums.

use cranelift_codegen::ir::{self, Block, InstBuilder};

use super::function::FunctionCompiler;
use super::helper::Helper;
use super::overflow;
use super::test::Question;
use crate::scheme::object::Kind;
use crate::scheme::value::Value;

impl FunctionCompiler<'_, '_> {
    /// The value of primitive `name`, or `None` if it has to be called.
    pub(super) fn inline(&mut self, name: &str, values: &[ir::Value]) -> Option<ir::Value> {
        if let Some(question) = Question::of(name, values.len()) {
            return Some(self.answer(question, values));
        }
        match (name, values.len()) {
            ("+" | "-" | "*", 2..) => {
                let pairwise = |this: &mut Self, a, b| this.arithmetic(name, a, b);
                let (first, rest) = values.split_first()?;
                Some(rest.iter().fold(*first, |sum, value| pairwise(self, sum, *value)))
            }
            ("car", 1) => Some(self.field_of_pair("car", values[0], 8)),
            ("cdr", 1) => Some(self.field_of_pair("cdr", values[0], 16)),
            _ => self.inline_data(name, values),
        }
    }

    /// A question's answer as a boolean.
    fn answer(&mut self, question: Question, values: &[ir::Value]) -> ir::Value {
        let (yes, no, join) =
            (self.builder.create_block(), self.builder.create_block(), self.builder.create_block());
        self.ask(question, values, yes, no);
        for (block, answer) in [(yes, Value::TRUE), (no, Value::FALSE)] {
            self.builder.switch_to_block(block);
            let answer = self.constant(answer);
            self.jump(join, &[answer]);
        }
        self.builder.switch_to_block(join);
        self.block_value(join)
    }

    /// Fixnum arithmetic on tagged words: `2a+1 + 2b+1 - 1`, `2a+1 - (2b+1) + 1`, `(2a) · b + 1`.
    fn arithmetic(&mut self, name: &str, a: ir::Value, b: ir::Value) -> ir::Value {
        let (fast, slow, join) =
            (self.builder.create_block(), self.cold_block(), self.builder.create_block());
        self.branch_if_fixnums(&[a, b], fast, slow);
        self.builder.switch_to_block(fast);
        let (result, overflows, helper) = match name {
            "+" => {
                let untagged = self.builder.ins().band_imm_s(b, -2);
                let (sum, overflows) = overflow::add(&mut self.builder, a, untagged);
                (sum, overflows, Helper::Add)
            }
            "-" => {
                let untagged = self.builder.ins().band_imm_s(b, -2);
                let (difference, overflows) = overflow::subtract(&mut self.builder, a, untagged);
                (difference, overflows, Helper::Subtract)
            }
            _ => {
                let twice = self.builder.ins().band_imm_s(a, -2);
                let factor = self.builder.ins().sshr_imm_u(b, 1);
                let (product, overflows) = overflow::multiply(&mut self.builder, twice, factor);
                (self.builder.ins().bor_imm_s(product, 1), overflows, Helper::Multiply)
            }
        };
        self.branch(overflows, (slow, &[]), (join, &[result]));
        self.builder.switch_to_block(slow);
        let general = self.call_helper_value(helper, &[a, b]);
        self.jump(join, &[general]);
        self.builder.switch_to_block(join);
        self.block_value(join)
    }

    fn field_of_pair(&mut self, name: &str, pair: ir::Value, offset: usize) -> ir::Value {
        let (good, bad) = (self.builder.create_block(), self.cold_block());
        self.branch_on_kind(pair, Kind::Pair, good, bad);
        self.refuse(bad, name, &[pair]);
        self.builder.switch_to_block(good);
        self.load_value(pair, offset)
    }

    /// Lets the real primitive say what is wrong. It does not return; if it did, the trap would stop us.
    pub(super) fn refuse(&mut self, block: Block, name: &str, values: &[ir::Value]) {
        self.builder.switch_to_block(block);
        self.call_named(name, values);
        self.never();
    }

    /// Calls the primitive of that name.
    pub(super) fn call_named(&mut self, name: &str, values: &[ir::Value]) -> ir::Value {
        match self.unit.primitive_named(name) {
            Some(number) => self.call_primitive(number, values),
            None => self.constant(Value::UNSPECIFIED),
        }
    }
}
