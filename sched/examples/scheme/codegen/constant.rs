//! Constants: objects that are made while the program is compiled and live as long as it does.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use num_bigint::Sign;

use super::error::CompileError;
use super::labels::Labels;
use crate::scheme::core::Datum;
use crate::scheme::fault::Fault;
use crate::scheme::machine::{AllocCache, Heap};
use crate::scheme::numbers::Number;
use crate::scheme::object::{Arity, Header, Kind, ObjectRef, bytes_of};
use crate::scheme::ports;
use crate::scheme::symbols::Symbols;
use crate::scheme::value::Value;

/// Makes constants and keeps them alive. Nothing is collected while it works: before the program runs there is nobody who
/// could, and later the task for which it works comes to no safepoint.
#[derive(Debug)]
pub struct Constants {
    heap: Arc<Heap>,
    cache: AllocCache,
    roots: Arc<Roots>,
    symbols: Arc<Symbols>,
    /// What stands for each label of the present constant until all of it is there.
    labels: Labels,
}

/// The constants. The lock is held for a look or an addition, never longer.
#[derive(Debug, Default)]
pub struct Roots(Mutex<Vec<Value>>);

impl Roots {
    fn add(&self, value: Value) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(value);
    }

    /// Shows every constant.
    pub fn visit(&self, visit: &mut dyn FnMut(usize)) {
        let roots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        roots.iter().for_each(|root| visit(root.0 as usize));
    }
}

impl Constants {
    /// In a heap that nobody uses yet.
    pub fn new(heap: Heap) -> Constants {
        let cache = heap.cache();
        Constants {
            heap: Arc::new(heap),
            cache,
            roots: Arc::default(),
            symbols: Arc::default(),
            labels: Labels::default(),
        }
    }

    /// The heap, the roots and the symbols, to be shared with the program that runs.
    pub fn share(&self) -> (Arc<Heap>, Arc<Roots>, Arc<Symbols>) {
        (Arc::clone(&self.heap), Arc::clone(&self.roots), Arc::clone(&self.symbols))
    }

    /// The value of a literal; a root for ever if it is an object.
    ///
    /// # Errors
    ///
    /// [`CompileError`] when the heap limit is too small for the program's constants.
    pub fn datum(&mut self, datum: &Datum) -> Result<Value, CompileError> {
        let value = self.part(datum)?;
        std::mem::take(&mut self.labels).resolve(value)
    }

    /// A constant in which placeholders stand for labels.
    fn part(&mut self, datum: &Datum) -> Result<Value, CompileError> {
        Ok(match datum {
            Datum::Fixnum(n) => {
                Value::fixnum(*n).ok_or_else(|| CompileError::backend("fixnum out of range"))?
            }
            Datum::Flonum(x) => self.object(Header::plain(Kind::Flonum), &[x.to_bits()])?,
            Datum::Exact(n) => self.real(n)?,
            Datum::Complex(n) => {
                let (re, im) = (self.real(&n.re)?, self.real(&n.im)?);
                self.object(Header::plain(Kind::Compnum), &[re.0, im.0])?
            }
            Datum::Bytevector(bytes) => {
                self.bytes(Header::with_length(Kind::Bytevector, bytes.len()), bytes)?
            }
            Datum::Bool(b) => Value::boolean(*b),
            Datum::Char(c) => Value::character(*c),
            Datum::String(text) => self.string(text)?,
            Datum::Symbol(name) => self.symbol(name)?,
            Datum::Nil => Value::NIL,
            Datum::Unspecified => Value::UNSPECIFIED,
            Datum::Pair(_) => self.list(datum)?,
            Datum::Vector(elements) => {
                let words: Result<Vec<u64>, _> = elements.iter().map(|d| Ok(self.part(d)?.0)).collect();
                self.object(Header::with_length(Kind::Vector, elements.len()), &words?)?
            }
            Datum::Labelled(label, datum) => {
                let value = self.part(datum)?;
                let placeholder = self.placeholder(*label)?;
                self.labels.define(placeholder, value)
            }
            Datum::Reference(label) => self.placeholder(*label)?,
        })
    }

    /// The ports of the three standard streams.
    pub fn standard_ports(&mut self) -> Result<[Value; 3], CompileError> {
        let mut port = |channel| {
            let (header, words) = ports::standard(channel);
            self.object(header, &words)
        };
        Ok([port(0)?, port(1)?, port(2)?])
    }

    /// The symbol of that name.
    pub fn symbol(&mut self, name: &str) -> Result<Value, CompileError> {
        if let Some(symbol) = self.symbols.find(name) {
            return Ok(symbol);
        }
        let symbol = self.bytes(Header::with_length(Kind::Symbol, name.len()), name.as_bytes())?;
        Ok(self.symbols.add(name, symbol))
    }

    /// A closure without captured values. Its code address is filled in when it is known.
    pub fn closure(&mut self, arity: Arity) -> Result<ObjectRef, CompileError> {
        let closure = self.object(Header::closure(arity, 0), &[0])?;
        // SAFETY: the object that was just made, and is a root.
        Ok(unsafe { ObjectRef::at(closure.0 as usize) })
    }

    /// A closure of code that is there already.
    pub fn native_closure(&mut self, arity: Arity, code: usize) -> Result<ObjectRef, CompileError> {
        let closure = self.closure(arity)?;
        closure.word(1).store(code as u64, Ordering::Relaxed);
        Ok(closure)
    }

    /// What is raised for `fault`.
    pub fn condition(&mut self, fault: &Fault) -> Result<Value, CompileError> {
        let message = self.string(&fault.to_string())?;
        let words = [fault.sort().value(), message, Value::NIL].map(|value| value.0);
        self.object(Header::plain(Kind::Condition), &words)
    }

    /// Pairs are followed along the spine without recursion.
    fn list(&mut self, datum: &Datum) -> Result<Value, CompileError> {
        let mut items = Vec::new();
        let mut rest = datum;
        while let Datum::Pair(pair) = rest {
            items.push(self.part(&pair.0)?);
            rest = &pair.1;
        }
        let end = self.part(rest)?;
        items
            .into_iter()
            .rev()
            .try_fold(end, |rest, item| self.object(Header::plain(Kind::Pair), &[item.0, rest.0]))
    }

    fn placeholder(&mut self, label: usize) -> Result<Value, CompileError> {
        if let Some(placeholder) = self.labels.find(label) {
            return Ok(placeholder);
        }
        let placeholder = self.object(Header::plain(Kind::Box), &[Value::UNASSIGNED.0])?;
        self.labels.add(label, placeholder);
        Ok(placeholder)
    }

    fn string(&mut self, text: &str) -> Result<Value, CompileError> {
        let codes: Vec<u32> = text.chars().map(u32::from).collect();
        self.codes(Header::with_length(Kind::String, codes.len()), &codes)
    }

    /// A real number of any kind.
    fn real(&mut self, n: &Number) -> Result<Value, CompileError> {
        match n {
            Number::Fix(n) => self.datum(&Datum::Fixnum(*n)),
            Number::Flo(x) => self.datum(&Datum::Flonum(*x)),
            Number::Big(n) => {
                let digits = n.magnitude().to_u32_digits();
                self.codes(Header::bignum(n.sign() == Sign::Minus, digits.len()), &digits)
            }
            Number::Rat(r) => {
                let numerator = self.real(&Number::integer(r.numer().clone()))?;
                let denominator = self.real(&Number::integer(r.denom().clone()))?;
                self.object(Header::plain(Kind::Ratnum), &[numerator.0, denominator.0])
            }
        }
    }

    fn codes(&mut self, header: Header, codes: &[u32]) -> Result<Value, CompileError> {
        let words: Vec<u64> = codes.chunks(2).map(word_of_codes).collect();
        self.object(header, &words)
    }

    fn bytes(&mut self, header: Header, bytes: &[u8]) -> Result<Value, CompileError> {
        let words: Vec<u64> = bytes.chunks(8).map(word_of_bytes).collect();
        self.object(header, &words)
    }

    fn object(&mut self, header: Header, words: &[u64]) -> Result<Value, CompileError> {
        let bytes = bytes_of(words.len());
        let memory = self.heap.alloc(&mut self.cache, bytes).map_err(CompileError::NoRoom)?;
        // SAFETY: fresh memory of that size, initialised here before anybody sees it. What it refers to is a constant or a
        // symbol, and so a root, or fresh itself: no barrier (I3).
        let object = unsafe { ObjectRef::at(memory.as_ptr() as usize) };
        for (i, word) in std::iter::once(&header.0).chain(words).enumerate() {
            object.word(i).store(*word, Ordering::Relaxed);
        }
        self.roots.add(object.value());
        Ok(object.value())
    }
}

fn word_of_bytes(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_ne_bytes(word)
}

/// The first lies at the lower address, whatever the order of bytes.
fn word_of_codes(codes: &[u32]) -> u64 {
    let bytes: Vec<u8> = codes.iter().flat_map(|code| code.to_ne_bytes()).collect();
    word_of_bytes(&bytes)
}
