//! What a row of an unwind table says: where the canonical frame address, the return address and the caller's frame pointer are.

use gimli::{
    AArch64, CfaRule, Encoding, Evaluation, EvaluationResult, EvaluationStorage, Expression, Format, Piece,
    Register, RegisterRule, UnwindContext, UnwindContextStorage, UnwindExpression, UnwindTableRow, Value,
};

use super::host::{ABOVE_SP, FP, PC, RULES, SP};
use super::module::{Fde, Module};
use super::section::Bytes;
use crate::memory::{ReadWord, WORD};
use crate::step::{Registers, Step, StepError};

/// Longest expression that is followed, in operations.
const MAX_OPERATIONS: u32 = 256;

/// Everything on the stack.
#[derive(Clone, Copy, Debug)]
struct OnStack;

impl UnwindContextStorage<usize> for OnStack {
    type Rules = [(Register, RegisterRule<usize>); RULES];
    type Stack = [UnwindTableRow<usize, Self>; 4];
}

impl<'t> EvaluationStorage<Bytes<'t>> for OnStack {
    type Stack = [Value; 16];
    type ExpressionStack = [(Bytes<'t>, Bytes<'t>); 1];
    type Result = [Piece<Bytes<'t>>; 1];
}

/// Where a register of the caller's is.
enum Place {
    At(usize),
    Is(usize),
    In(Register),
    Unchanged,
    Nowhere,
}

/// One frame, and the table that has its row.
struct Machine<'a, 't, M> {
    module: &'a Module<'t>,
    encoding: Encoding,
    registers: &'a Registers,
    memory: &'a M,
}

type Context = UnwindContext<usize, OnStack>;
type Row = UnwindTableRow<usize, OnStack>;

/// The row of `fde` at `lookup_pc`.
fn row<'c>(
    module: &Module<'_>,
    fde: &Fde<'_>,
    lookup_pc: usize,
    context: &'c mut Context,
) -> Option<&'c Row> {
    fde.unwind_info_for_address(&module.eh_frame(), module.bases(), context, lookup_pc as u64).ok()
}

/// The step that the row of `fde` at `lookup_pc` describes.
pub(super) fn step<M: ReadWord>(
    module: &Module<'_>,
    fde: &Fde<'_>,
    lookup_pc: usize,
    registers: &Registers,
    memory: &M,
) -> Result<Step, StepError> {
    let unknown = StepError::Unknown(registers.pc);
    let mut context = Context::new_in();
    let row = row(module, fde, lookup_pc, &mut context).ok_or(unknown)?;
    let encoding = Encoding { address_size: WORD as u8, format: Format::Dwarf32, version: 4 };
    let machine = Machine { module, encoding, registers, memory };
    let cfa = machine.cfa(row.cfa()).ok_or(unknown)?;
    let return_slot = match machine.place(row.register(fde.cie().return_address_register()), cfa) {
        Some(Place::At(slot)) => slot,
        Some(Place::Nowhere) => return Ok(Step::Outermost),
        Some(Place::Unchanged) | Some(Place::In(_)) => return Err(StepError::InRegister(registers.pc)),
        Some(Place::Is(_)) | None => return Err(unknown),
    };
    let fp = match machine.place(row.register(FP), cfa).ok_or(unknown)? {
        Place::At(saved) => memory.read_word(saved).ok_or(StepError::Unreadable(saved))?,
        Place::Is(fp) => fp,
        Place::In(register) => machine.register(register).ok_or(unknown)?,
        Place::Unchanged | Place::Nowhere => registers.fp,
    };
    Ok(Step::Caller { cfa: cfa.wrapping_sub(ABOVE_SP), return_slot, fp })
}

/// Is the return address signed, by the row of `fde` at `lookup_pc`? That is the pseudo-register's bit 0.
pub(super) fn is_signed(module: &Module<'_>, fde: &Fde<'_>, lookup_pc: usize) -> bool {
    let mut context = Context::new_in();
    let state =
        row(module, fde, lookup_pc, &mut context).and_then(|row| row.register(AArch64::RA_SIGN_STATE));
    matches!(state, Some(RegisterRule::Constant(state)) if state & 1 == 1)
}

impl<M: ReadWord> Machine<'_, '_, M> {
    fn register(&self, register: Register) -> Option<usize> {
        match register {
            FP => Some(self.registers.fp),
            SP => Some(self.registers.sp),
            _ if PC == Some(register) => Some(self.registers.pc),
            _ => None,
        }
    }

    fn cfa(&self, rule: &CfaRule<usize>) -> Option<usize> {
        match rule {
            CfaRule::RegisterAndOffset { register, offset } => {
                Some(self.register(*register)?.wrapping_add_signed(*offset as isize))
            }
            CfaRule::Expression(expression) => self.evaluate(expression, None),
        }
    }

    /// `None` if the rule needs what is not tracked.
    fn place(&self, rule: Option<RegisterRule<usize>>, cfa: usize) -> Option<Place> {
        let Some(rule) = rule else { return Some(Place::Unchanged) };
        Some(match rule {
            RegisterRule::Undefined => Place::Nowhere,
            RegisterRule::SameValue => Place::Unchanged,
            RegisterRule::Offset(offset) => Place::At(cfa.wrapping_add_signed(offset as isize)),
            RegisterRule::ValOffset(offset) => Place::Is(cfa.wrapping_add_signed(offset as isize)),
            RegisterRule::Register(register) => Place::In(register),
            RegisterRule::Expression(expression) => Place::At(self.evaluate(&expression, Some(cfa))?),
            RegisterRule::ValExpression(expression) => Place::Is(self.evaluate(&expression, Some(cfa))?),
            RegisterRule::Constant(value) => Place::Is(value as usize),
            _ => return None,
        })
    }

    fn evaluate(&self, expression: &UnwindExpression<usize>, initial: Option<usize>) -> Option<usize> {
        let Expression(bytes) = expression.get(&self.module.eh_frame()).ok()?;
        let mut evaluation = Evaluation::<Bytes<'_>, OnStack>::new_in(bytes, self.encoding);
        evaluation.set_max_iterations(MAX_OPERATIONS);
        if let Some(value) = initial {
            evaluation.set_initial_value(value as u64);
        }
        let mut result = evaluation.evaluate().ok()?;
        loop {
            result = match result {
                EvaluationResult::Complete => break,
                EvaluationResult::RequiresRegister { register, .. } => {
                    evaluation.resume_with_register(Value::Generic(self.register(register)? as u64))
                }
                EvaluationResult::RequiresMemory { address, size, .. } => {
                    evaluation.resume_with_memory(Value::Generic(self.load(address as usize, size)? as u64))
                }
                _ => return None,
            }
            .ok()?;
        }
        evaluation.value_result()?.to_u64(u64::MAX).ok().map(|value| value as usize)
    }

    /// The `size` bytes at `address`, which do not cross a word.
    fn load(&self, address: usize, size: u8) -> Option<usize> {
        let (within, bytes) = (address % WORD, usize::from(size));
        let word = self.memory.read_word(address - within)?;
        let beyond = WORD.checked_sub(within + bytes).filter(|_| bytes > 0)?;
        let below = if cfg!(target_endian = "big") { beyond } else { within };
        Some(word >> (8 * below) & (usize::MAX >> (8 * (WORD - bytes))))
    }
}
