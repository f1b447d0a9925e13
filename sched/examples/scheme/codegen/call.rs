//! Calls: to known code, to primitives, to whatever a value turns out to be.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder};
use cranelift_module::FuncId;

use super::emit::PLAIN;
use super::error::CompileError;
use super::function::{Emitted, FunctionCompiler};
use super::global::Binding;
use super::helper::{Helper, REGISTER_ARGUMENTS, scheme_signature};
use super::task;
use super::unit::arity_of;
use crate::scheme::core::{Expr, ExprKind, Span};
use crate::scheme::machine;
use crate::scheme::object::{Arity, Kind, MAX_PARAMETERS, VARIADIC};
use crate::scheme::runtime::state::TaskState;
use crate::scheme::value::Value;

/// What is called.
enum Callee {
    /// Code that is known to take these arguments, with its closure.
    Direct(FuncId, ir::Value),
    /// A value that was checked: its code address, and itself.
    Indirect(ir::Value, ir::Value),
}

impl FunctionCompiler<'_, '_> {
    /// A call whose value is wanted here.
    pub(super) fn call(&mut self, callee: &Expr, args: &[Expr], span: Span) -> Emitted<ir::Value> {
        if let Some(value) = self.primitive_call(callee, args, span)? {
            return Ok(value);
        }
        let (callee, arguments) = self.prepare(callee, args, span)?;
        let call = match callee {
            Callee::Direct(code, closure) => {
                let function = self.import(code);
                let words = self.convention(closure, &arguments);
                self.builder.ins().call(function, &words)
            }
            Callee::Indirect(code, closure) => {
                let signature = self.builder.import_signature(scheme_signature());
                let words = self.convention(closure, &arguments);
                self.builder.ins().call_indirect(signature, code, &words)
            }
        };
        let value = self.builder.inst_results(call)[0];
        self.builder.declare_value_needs_stack_map(value);
        Ok(value)
    }

    /// A call that replaces this procedure's frame.
    pub(super) fn tail_call(&mut self, callee: &Expr, args: &[Expr], span: Span) -> Emitted<()> {
        if let Some(value) = self.primitive_call(callee, args, span)? {
            self.builder.ins().return_(&[value]);
            return Ok(());
        }
        let (callee, arguments) = self.prepare(callee, args, span)?;
        match callee {
            Callee::Direct(code, closure) => {
                let function = self.import(code);
                let words = self.convention(closure, &arguments);
                self.builder.ins().return_call(function, &words);
            }
            Callee::Indirect(code, closure) => {
                let signature = self.builder.import_signature(scheme_signature());
                let words = self.convention(closure, &arguments);
                self.builder.ins().return_call_indirect(signature, code, &words);
            }
        }
        Ok(())
    }

    /// Evaluates arguments and callee, and checks that the one can be called with the others.
    fn prepare(&mut self, callee: &Expr, args: &[Expr], span: Span) -> Emitted<(Callee, Vec<ir::Value>)> {
        if args.len() > MAX_PARAMETERS {
            return Err(CompileError::TooMany { file: self.file(), span, what: "arguments" });
        }
        let arguments: Emitted<Vec<ir::Value>> = args.iter().map(|arg| self.value(arg)).collect();
        let arguments = arguments?;
        let callee = match self.known_callee(callee, args.len(), span)? {
            Some(known) => known,
            None => {
                let value = self.value(callee)?;
                self.at(span);
                Callee::Indirect(self.checked_code(value, args.len()), value)
            }
        };
        self.at(span);
        Ok((callee, arguments))
    }

    /// A procedure whose code is known and which takes `count` arguments.
    fn known_callee(&mut self, callee: &Expr, count: usize, span: Span) -> Emitted<Option<Callee>> {
        let (lambda, known) = match &callee.kind {
            ExprKind::Local(var) => (self.unit.scope.known(*var).cloned(), None),
            ExprKind::Global(name) => match self.unit.binding(name)? {
                Binding::Known { lambda, .. } => (Some(self.unit.known_lambda(lambda)), Some(lambda)),
                _ => (None, None),
            },
            _ => (None, None),
        };
        let Some(lambda) = lambda.filter(|lambda| arity_of(lambda).takes(count)) else { return Ok(None) };
        let code = match known {
            Some(number) => self.unit.known_code(number)?,
            None => self.unit.code_of(&lambda, span)?,
        };
        // Checks that a global is defined already; its closure captures nothing and is not looked at.
        let closure = match &callee.kind {
            ExprKind::Global(_) => {
                self.value(callee)?;
                self.constant(Value::FALSE)
            }
            _ => self.value(callee)?,
        };
        Ok(Some(Callee::Direct(code, closure)))
    }

    /// The code address of `callee`, after a check that it is a procedure that takes `count` arguments.
    fn checked_code(&mut self, callee: ir::Value, count: usize) -> ir::Value {
        let (object, good) = (self.builder.create_block(), self.builder.create_block());
        let (other, variadic, bad) = (self.cold_block(), self.cold_block(), self.cold_block());
        let tag = self.builder.ins().band_imm_s(callee, 7);
        self.branch_if(IntCC::Equal, tag, 0, object, bad);

        self.builder.switch_to_block(object);
        let header = self.load(callee, 0);
        let word = self.builder.ins().band_imm_s(header, 0xffff);
        self.branch_if(IntCC::Equal, word, Kind::Closure as i64 | (count as i64) << 8, good, other);

        self.builder.switch_to_block(other);
        self.branch_if(IntCC::Equal, word, Kind::Closure as i64 | i64::from(VARIADIC) << 8, variadic, bad);

        self.builder.switch_to_block(variadic);
        let least = self.builder.ins().ushr_imm_u(header, 16);
        let least = self.builder.ins().band_imm_s(least, 0xff);
        self.branch_if(IntCC::UnsignedLessThanOrEqual, least, count as i64, good, bad);

        self.builder.switch_to_block(bad);
        let count = self.word(count as i64);
        self.fail(Helper::CallError, &[callee, count]);

        self.builder.switch_to_block(good);
        self.load(callee, 8)
    }

    /// The words of a call: closure, count, four arguments, the task where it is passed; the other arguments go to its buffer.
    fn convention(&mut self, closure: ir::Value, arguments: &[ir::Value]) -> Vec<ir::Value> {
        let words: Vec<ir::Value> = std::iter::once(closure).chain(self.counted(arguments)).collect();
        task::pass(&mut self.builder, &words)
    }

    /// The count and the first four arguments, filled up with something harmless; stores the others.
    fn counted(&mut self, arguments: &[ir::Value]) -> Vec<ir::Value> {
        if arguments.len() > REGISTER_ARGUMENTS {
            let task = self.task();
            let buffer = self.load(task, machine::LANGUAGE_OFFSET + TaskState::ARGUMENTS_OFFSET);
            for (i, value) in arguments[REGISTER_ARGUMENTS..].iter().enumerate() {
                self.builder.ins().store(PLAIN, *value, buffer, 8 * i as i32);
            }
        }
        let filler = self.constant(Value::FALSE);
        let registers = arguments.iter().copied().chain(std::iter::repeat(filler)).take(REGISTER_ARGUMENTS);
        std::iter::once(self.word(arguments.len() as i64)).chain(registers).collect()
    }

    /// A call of a primitive that the program leaves alone, with a number of arguments that it takes.
    fn primitive_call(&mut self, callee: &Expr, args: &[Expr], span: Span) -> Emitted<Option<ir::Value>> {
        let ExprKind::Global(name) = &callee.kind else { return Ok(None) };
        let Binding::Primitive(number) = self.unit.binding(name)? else { return Ok(None) };
        let arity = self.unit.primitives[number].0.arity;
        if !arity.takes(args.len()) || args.len() > MAX_PARAMETERS {
            return Ok(None);
        }
        let values: Emitted<Vec<ir::Value>> = args.iter().map(|arg| self.value(arg)).collect();
        let values = values?;
        self.at(span);
        match self.inline(name, &values) {
            Some(value) => Ok(Some(value)),
            None => Ok(Some(self.call_primitive(number, &values))),
        }
    }

    /// Calls primitive `number`, which takes that many arguments.
    pub(super) fn call_primitive(&mut self, number: usize, arguments: &[ir::Value]) -> ir::Value {
        let (primitive, code) = &self.unit.primitives[number];
        let (arity, code) = (primitive.arity, *code);
        let words = match arity {
            Arity::Exactly(_) => arguments.to_vec(),
            Arity::AtLeast(_) => self.counted(arguments),
        };
        let result = self.call_c(code, &words);
        result.unwrap_or_else(|| self.constant(Value::UNSPECIFIED))
    }
}
