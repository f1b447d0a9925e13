//! In line: parts of pairs, vectors and strings, and division of fixnums. Where the quick way does not apply, the real primitive
//! raises the error, or does it.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, Block, InstBuilder};

use super::emit::PLAIN;
use super::function::FunctionCompiler;
use crate::scheme::object::{Kind, LENGTH_SHIFT};
use crate::scheme::value::Value;

impl FunctionCompiler<'_, '_> {
    /// The value of primitive `name`, or `None` if it has to be called.
    pub(super) fn inline_data(&mut self, name: &str, values: &[ir::Value]) -> Option<ir::Value> {
        match (name, values.len()) {
            ("vector-ref", 2) => {
                let address = self.element(name, Kind::Vector, 3, values);
                Some(self.load_value(address, 8))
            }
            ("vector-set!", 3) => {
                let address = self.element(name, Kind::Vector, 3, values);
                self.store_with_barrier(values[2], address, 8);
                Some(self.constant(Value::UNSPECIFIED))
            }
            ("string-ref", 2) => Some(self.string_ref(values)),
            ("vector-length", 1) => Some(self.length(name, Kind::Vector, values)),
            ("string-length", 1) => Some(self.length(name, Kind::String, values)),
            ("set-car!", 2) => Some(self.set_field_of_pair(name, values, 8)),
            ("set-cdr!", 2) => Some(self.set_field_of_pair(name, values, 16)),
            ("quotient" | "remainder" | "modulo", 2) => Some(self.division(name, values)),
            _ => None,
        }
    }

    fn set_field_of_pair(&mut self, name: &str, values: &[ir::Value], offset: usize) -> ir::Value {
        let (good, bad) = (self.builder.create_block(), self.cold_block());
        self.branch_on_kind(values[0], Kind::Pair, good, bad);
        self.refuse(bad, name, values);
        self.builder.switch_to_block(good);
        self.store_with_barrier(values[1], values[0], offset);
        self.constant(Value::UNSPECIFIED)
    }

    fn length(&mut self, name: &str, kind: Kind, values: &[ir::Value]) -> ir::Value {
        let (good, bad) = (self.builder.create_block(), self.cold_block());
        self.branch_on_kind(values[0], kind, good, bad);
        self.refuse(bad, name, values);
        self.builder.switch_to_block(good);
        let length = self.length_word(values[0]);
        let twice = self.builder.ins().ishl_imm_u(length, 1);
        self.builder.ins().bor_imm_s(twice, 1)
    }

    /// The length in an object's header, as a plain number.
    fn length_word(&mut self, object: ir::Value) -> ir::Value {
        let header = self.load(object, 0);
        self.builder.ins().ushr_imm_u(header, i64::from(LENGTH_SHIFT))
    }

    /// The address that lies a header before element `values[1]` of the `kind` that `values[0]` must be; elements have
    /// `1 << shift` bytes.
    fn element(&mut self, name: &str, kind: Kind, shift: i64, values: &[ir::Value]) -> ir::Value {
        let (sequence, index) = (values[0], values[1]);
        let (is_right, in_range, good) =
            (self.builder.create_block(), self.builder.create_block(), self.builder.create_block());
        let bad = self.cold_block();
        self.branch_on_kind(sequence, kind, is_right, bad);
        self.builder.switch_to_block(is_right);
        self.branch_if_fixnums(&[index], in_range, bad);
        self.builder.switch_to_block(in_range);
        let length = self.length_word(sequence);
        let number = self.builder.ins().sshr_imm_u(index, 1);
        let inside = self.builder.ins().icmp(IntCC::UnsignedLessThan, number, length);
        self.branch(inside, (good, &[]), (bad, &[]));
        self.refuse(bad, name, values);
        self.builder.switch_to_block(good);
        let offset = self.builder.ins().ishl_imm_u(number, shift);
        self.builder.ins().iadd(sequence, offset)
    }

    fn string_ref(&mut self, values: &[ir::Value]) -> ir::Value {
        let address = self.element("string-ref", Kind::String, 2, values);
        let code = self.builder.ins().uload32(PLAIN, address, 8);
        let shifted = self.builder.ins().ishl_imm_u(code, i64::from(Value::CHARACTER_SHIFT));
        self.builder.ins().bor_imm_s(shifted, Value::CHARACTER_TAG as i64)
    }

    /// Of fixnums by a positive one: no other division can overflow, or be by zero.
    fn division(&mut self, name: &str, values: &[ir::Value]) -> ir::Value {
        let (fixnums, fast, slow, join) = (
            self.builder.create_block(),
            self.builder.create_block(),
            self.cold_block(),
            self.builder.create_block(),
        );
        self.branch_if_fixnums(values, fixnums, slow);
        self.builder.switch_to_block(fixnums);
        let one = Value::index(1).0 as i64;
        self.branch_if(IntCC::SignedGreaterThanOrEqual, values[1], one, fast, slow);
        self.builder.switch_to_block(fast);
        let result = self.fixnum_division(name, values);
        self.jump(join, &[result]);
        self.by_primitive(name, values, slow, join);
        self.builder.switch_to_block(join);
        self.block_value(join)
    }

    fn fixnum_division(&mut self, name: &str, values: &[ir::Value]) -> ir::Value {
        let (a, b) =
            (self.builder.ins().sshr_imm_u(values[0], 1), self.builder.ins().sshr_imm_u(values[1], 1));
        let result = match name {
            "quotient" => self.builder.ins().sdiv(a, b),
            "remainder" => self.builder.ins().srem(a, b),
            _ => {
                let rest = self.builder.ins().srem(a, b);
                let negative = self.builder.ins().sshr_imm_u(rest, 63);
                let correction = self.builder.ins().band(negative, b);
                self.builder.ins().iadd(rest, correction)
            }
        };
        let twice = self.builder.ins().ishl_imm_u(result, 1);
        self.builder.ins().bor_imm_s(twice, 1)
    }

    /// In `block`, lets the real primitive do it, and goes on at `join`.
    fn by_primitive(&mut self, name: &str, values: &[ir::Value], block: Block, join: Block) {
        self.builder.switch_to_block(block);
        let value = self.call_named(name, values);
        self.jump(join, &[value]);
    }
}
