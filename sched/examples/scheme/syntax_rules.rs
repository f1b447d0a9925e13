//! `syntax-rules`: patterns, templates, and what becomes of a use.
//!
//! ```text
//! (my-or a b ...)  against  (my-or t #f)      a = t, b = [#f]
//! (let ((x a)) (if x x (my-or b ...)))   ->   (let' ((x' t)) (if' x' x' (my-or' #f)))
//! ```
//!
//! A name that the template brings along is renamed (`x'`): an [alias](super::alias), new for each use, which means what the name means
//! where the macro was defined, unless the expansion binds it. So neither does a binding of the template catch a name of the use, nor the other way round.
//!
//! Parts of the use keep their places; everything else has the place of the use.

use std::collections::HashMap;
use std::rc::Rc;

use super::alias::base_name;
use super::core::{Datum, Span};
use super::syntax::{Syntax, SyntaxKind};
use super::syntax_error::Fault;

/// A transformer.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<(Pattern, Template)>,
}

/// A pattern. In a list, what may repeat stands between a front and a back of fixed length.
#[derive(Debug)]
enum Pattern {
    Any,
    Variable(Rc<str>),
    Literal(Rc<str>),
    Datum(Datum),
    List(Sequence, Option<Box<Pattern>>),
    Vector(Sequence),
}

#[derive(Debug, Default)]
struct Sequence {
    front: Vec<Pattern>,
    repeated: Option<Box<Pattern>>,
    back: Vec<Pattern>,
}

/// A template. Elements of lists come with the number of ellipses behind them.
#[derive(Debug)]
enum Template {
    Variable(Rc<str>),
    Symbol(Rc<str>),
    Datum(Datum),
    List(Vec<(Template, usize)>, Option<Box<Template>>),
    Vector(Vec<(Template, usize)>),
}

/// What a pattern variable stands for.
#[derive(Clone, Debug)]
enum Bound {
    One(Syntax),
    Many(Vec<Bound>),
}

type Bindings = HashMap<Rc<str>, Bound>;

/// What a transformer asks of the expander.
pub trait Names {
    /// Do the name in the use and the literal of the macro mean the same?
    fn is_literal(&self, name: &Rc<str>, literal: &Rc<str>) -> bool;
    /// A new alias for a name of the template.
    fn rename(&mut self, name: &Rc<str>) -> Rc<str>;
}

type Parsed<T> = Result<T, (Fault, Span)>;

impl Rules {
    /// From `(syntax-rules …)`: what follows the keyword.
    ///
    /// # Errors
    ///
    /// What is wrong with a rule, and where.
    pub fn parse(parts: &[Syntax], span: Span) -> Parsed<Rules> {
        let bad = |span| {
            (Fault::BadRules("a transformer is (syntax-rules (LITERAL ...) (PATTERN TEMPLATE) ...)"), span)
        };
        let (ellipsis, parts) = match parts {
            [custom, rest @ ..] if custom.name().is_some() => (custom.name().cloned(), rest),
            _ => (None, parts),
        };
        let Some((literals, rules)) = parts.split_first() else { return Err(bad(span)) };
        let names = literals.proper_list().ok_or_else(|| bad(literals.span))?;
        let literals: Option<Vec<Rc<str>>> = names.iter().map(|name| name.name().cloned()).collect();
        let parser = Parser { ellipsis, literals: literals.ok_or_else(|| bad(span))? };
        let rule = |rule: &Syntax| match rule.proper_list() {
            Some([pattern, template]) => parser.rule(pattern, template),
            _ => Err(bad(rule.span)),
        };
        Ok(Rules { rules: rules.iter().map(rule).collect::<Parsed<_>>()? })
    }

    /// What becomes of `form`, a use of the macro.
    ///
    /// # Errors
    ///
    /// [`Fault::NoRule`] if no pattern matches, [`Fault::BadRules`] if repeated parts differ in length.
    pub fn expand(&self, form: &Syntax, names: &mut impl Names) -> Result<Syntax, Fault> {
        for (pattern, template) in &self.rules {
            let mut bindings = Bindings::new();
            if pattern.matches(form, names, &mut bindings) {
                let mut instance = Instance { span: form.span, names, renamed: HashMap::new() };
                return instance.template(template, &bindings);
            }
        }
        let name =
            form.proper_list().and_then(|items| items.first()?.name()).map_or("macro", |n| base_name(n));
        Err(Fault::NoRule(name.into()))
    }
}

/// Reads patterns and templates of one transformer.
struct Parser {
    /// `...` unless the transformer says otherwise.
    ellipsis: Option<Rc<str>>,
    literals: Vec<Rc<str>>,
}

impl Parser {
    fn rule(&self, pattern: &Syntax, template: &Syntax) -> Parsed<(Pattern, Template)> {
        let mut depths = HashMap::new();
        // The keyword is not compared: whoever is here has used the macro.
        let parsed = match &pattern.kind {
            SyntaxKind::List(items, tail) if !items.is_empty() => {
                let mut sequence = self.sequence(&items[1..], 0, &mut depths)?;
                sequence.front.insert(0, Pattern::Any);
                Pattern::List(sequence, self.tail(tail.as_deref(), 0, &mut depths)?)
            }
            _ => {
                return Err((
                    Fault::BadRules("a pattern is a list that starts with the keyword"),
                    pattern.span,
                ));
            }
        };
        Ok((parsed, self.template(template, &depths, true)?))
    }

    fn is_ellipsis(&self, syntax: &Syntax) -> bool {
        let Some(name) = syntax.name() else { return false };
        match &self.ellipsis {
            Some(custom) => name == custom,
            None => base_name(name) == "..." && !self.literals.contains(name),
        }
    }

    fn pattern(
        &self,
        syntax: &Syntax,
        depth: usize,
        depths: &mut HashMap<Rc<str>, usize>,
    ) -> Parsed<Pattern> {
        Ok(match &syntax.kind {
            SyntaxKind::Atom(Datum::Symbol(name)) if self.literals.contains(name) => {
                Pattern::Literal(name.clone())
            }
            SyntaxKind::Atom(Datum::Symbol(name)) if base_name(name) == "_" => Pattern::Any,
            SyntaxKind::Atom(Datum::Symbol(name)) => {
                if depths.insert(name.clone(), depth).is_some() {
                    return Err((Fault::BadRules("the same variable twice in a pattern"), syntax.span));
                }
                Pattern::Variable(name.clone())
            }
            SyntaxKind::Atom(datum) => Pattern::Datum(datum.clone()),
            SyntaxKind::Vector(items) => Pattern::Vector(self.sequence(items, depth, depths)?),
            SyntaxKind::List(items, tail) => {
                let sequence = self.sequence(items, depth, depths)?;
                Pattern::List(sequence, self.tail(tail.as_deref(), depth, depths)?)
            }
        })
    }

    fn tail(
        &self,
        tail: Option<&Syntax>,
        depth: usize,
        depths: &mut HashMap<Rc<str>, usize>,
    ) -> Parsed<Option<Box<Pattern>>> {
        tail.map(|tail| Ok(Box::new(self.pattern(tail, depth, depths)?))).transpose()
    }

    fn sequence(
        &self,
        items: &[Syntax],
        depth: usize,
        depths: &mut HashMap<Rc<str>, usize>,
    ) -> Parsed<Sequence> {
        let mut sequence = Sequence::default();
        let mut i = 0;
        while let Some(item) = items.get(i) {
            let repeats = items.get(i + 1).is_some_and(|next| self.is_ellipsis(next));
            if self.is_ellipsis(item) || (repeats && sequence.repeated.is_some()) {
                return Err((Fault::BadRules("an ellipsis follows a pattern, once in each list"), item.span));
            }
            let pattern = self.pattern(item, depth + usize::from(repeats), depths)?;
            match (repeats, sequence.repeated.is_some()) {
                (true, _) => sequence.repeated = Some(Box::new(pattern)),
                (false, false) => sequence.front.push(pattern),
                (false, true) => sequence.back.push(pattern),
            }
            i += if repeats { 2 } else { 1 };
        }
        Ok(sequence)
    }

    /// `ellipses` is false behind `(... …)`, where an ellipsis is a symbol like any other.
    fn template(
        &self,
        syntax: &Syntax,
        depths: &HashMap<Rc<str>, usize>,
        ellipses: bool,
    ) -> Parsed<Template> {
        Ok(match &syntax.kind {
            SyntaxKind::Atom(Datum::Symbol(name)) if depths.contains_key(name) => {
                Template::Variable(name.clone())
            }
            SyntaxKind::Atom(Datum::Symbol(name)) => Template::Symbol(name.clone()),
            SyntaxKind::Atom(datum) => Template::Datum(datum.clone()),
            SyntaxKind::Vector(items) => Template::Vector(self.elements(items, depths, ellipses)?),
            SyntaxKind::List(items, None) if ellipses && items.len() == 2 && self.is_ellipsis(&items[0]) => {
                self.template(&items[1], depths, false)?
            }
            SyntaxKind::List(items, tail) => {
                let tail = tail.as_deref().map(|tail| self.template(tail, depths, ellipses)).transpose()?;
                Template::List(self.elements(items, depths, ellipses)?, tail.map(Box::new))
            }
        })
    }

    fn elements(
        &self,
        items: &[Syntax],
        depths: &HashMap<Rc<str>, usize>,
        ellipses: bool,
    ) -> Parsed<Vec<(Template, usize)>> {
        let mut elements: Vec<(Template, usize)> = Vec::new();
        for item in items {
            if ellipses && self.is_ellipsis(item) {
                let bad = (Fault::BadRules("an ellipsis follows nothing that repeats"), item.span);
                let Some((template, count)) = elements.last_mut() else { return Err(bad) };
                *count += 1;
                if !template.repeats(depths, *count) {
                    return Err(bad);
                }
            } else {
                elements.push((self.template(item, depths, ellipses)?, 0));
            }
        }
        Ok(elements)
    }
}

impl Template {
    /// Does a variable in it come with so many ellipses, or more?
    fn repeats(&self, depths: &HashMap<Rc<str>, usize>, count: usize) -> bool {
        match self {
            Template::Variable(name) => depths[name] >= count,
            Template::Symbol(_) | Template::Datum(_) => false,
            Template::Vector(items) => items.iter().any(|(item, more)| item.repeats(depths, count + more)),
            Template::List(items, tail) => {
                items.iter().any(|(item, more)| item.repeats(depths, count + more))
                    || tail.as_ref().is_some_and(|tail| tail.repeats(depths, count))
            }
        }
    }

    /// Calls `f` with each variable.
    fn each_variable(&self, f: &mut impl FnMut(&Rc<str>)) {
        match self {
            Template::Variable(name) => f(name),
            Template::Symbol(_) | Template::Datum(_) => {}
            Template::Vector(items) => items.iter().for_each(|(item, _)| item.each_variable(f)),
            Template::List(items, tail) => {
                items.iter().for_each(|(item, _)| item.each_variable(f));
                if let Some(tail) = tail {
                    tail.each_variable(f);
                }
            }
        }
    }
}

impl Pattern {
    fn matches(&self, syntax: &Syntax, names: &impl Names, bindings: &mut Bindings) -> bool {
        match (self, &syntax.kind) {
            (Pattern::Any, _) => true,
            (Pattern::Variable(name), _) => {
                bindings.insert(name.clone(), Bound::One(syntax.clone()));
                true
            }
            (Pattern::Literal(literal), _) => {
                syntax.name().is_some_and(|name| names.is_literal(name, literal))
            }
            (Pattern::Datum(datum), SyntaxKind::Atom(other)) => datum == other,
            (Pattern::Vector(sequence), SyntaxKind::Vector(items)) => {
                sequence.matches(items, names, bindings) == Some(items.len())
            }
            (Pattern::List(sequence, tail), SyntaxKind::List(items, end)) => {
                // Without a tail everything must be used up; with one the rest of the list is its.
                match (sequence.matches(items, names, bindings), tail, end) {
                    (None, ..) => false,
                    (Some(used), None, None) => used == items.len(),
                    (Some(_), None, Some(_)) => false,
                    (Some(used), Some(tail), end) => {
                        let rest = &items[used..];
                        let rest = match end {
                            Some(end) if rest.is_empty() => (**end).clone(),
                            end => Syntax {
                                span: syntax.span,
                                kind: SyntaxKind::List(rest.to_vec(), end.clone()),
                            },
                        };
                        tail.matches(&rest, names, bindings)
                    }
                }
            }
            _ => false,
        }
    }

    fn each_variable(&self, f: &mut impl FnMut(&Rc<str>)) {
        match self {
            Pattern::Variable(name) => f(name),
            Pattern::Any | Pattern::Literal(_) | Pattern::Datum(_) => {}
            Pattern::Vector(sequence) => sequence.each_variable(f),
            Pattern::List(sequence, tail) => {
                sequence.each_variable(f);
                if let Some(tail) = tail {
                    tail.each_variable(f);
                }
            }
        }
    }
}

impl Sequence {
    /// How many items it has used. Without an ellipsis it takes as many as it has patterns, with one all of them.
    fn matches(&self, items: &[Syntax], names: &impl Names, bindings: &mut Bindings) -> Option<usize> {
        let fixed = self.front.len() + self.back.len();
        if items.len() < fixed {
            return None;
        }
        let (front, rest) = items.split_at(self.front.len());
        let all = |patterns: &[Pattern], items: &[Syntax], bindings: &mut Bindings| {
            patterns.iter().zip(items).all(|(pattern, item)| pattern.matches(item, names, bindings))
        };
        if !all(&self.front, front, bindings) {
            return None;
        }
        let Some(repeated) = &self.repeated else { return Some(front.len()) };
        let (middle, back) = rest.split_at(rest.len() - self.back.len());
        let mut rounds = Vec::with_capacity(middle.len());
        for item in middle {
            let mut round = Bindings::new();
            if !repeated.matches(item, names, &mut round) {
                return None;
            }
            rounds.push(round);
        }
        repeated.each_variable(&mut |name| {
            let many = rounds.iter_mut().filter_map(|round| round.remove(name)).collect();
            bindings.insert(name.clone(), Bound::Many(many));
        });
        all(&self.back, back, bindings).then_some(items.len())
    }

    fn each_variable(&self, f: &mut impl FnMut(&Rc<str>)) {
        let repeated = self.repeated.as_deref();
        self.front.iter().chain(repeated).chain(&self.back).for_each(|pattern| pattern.each_variable(f));
    }
}

/// One expansion on its way.
struct Instance<'n, N> {
    span: Span,
    names: &'n mut N,
    renamed: HashMap<Rc<str>, Rc<str>>,
}

impl<N: Names> Instance<'_, N> {
    fn template(&mut self, template: &Template, bindings: &Bindings) -> Result<Syntax, Fault> {
        let kind = match template {
            Template::Variable(name) => match bindings.get(name) {
                Some(Bound::One(syntax)) => return Ok(syntax.clone()),
                _ => {
                    return Err(Fault::BadRules(
                        "a variable of the pattern needs as many ellipses in the template",
                    ));
                }
            },
            Template::Symbol(name) => SyntaxKind::Atom(Datum::Symbol(self.rename(name))),
            Template::Datum(datum) => SyntaxKind::Atom(datum.clone()),
            Template::Vector(items) => SyntaxKind::Vector(self.elements(items, bindings)?),
            Template::List(items, tail) => {
                let items = self.elements(items, bindings)?;
                let tail = tail.as_ref().map(|tail| self.template(tail, bindings)).transpose()?;
                joined(items, tail)
            }
        };
        Ok(Syntax { span: self.span, kind })
    }

    fn rename(&mut self, name: &Rc<str>) -> Rc<str> {
        if let Some(alias) = self.renamed.get(name) {
            return alias.clone();
        }
        let alias = self.names.rename(name);
        self.renamed.insert(name.clone(), alias.clone());
        alias
    }

    fn elements(&mut self, items: &[(Template, usize)], bindings: &Bindings) -> Result<Vec<Syntax>, Fault> {
        let mut elements = Vec::new();
        for (template, ellipses) in items {
            self.repeat(template, *ellipses, bindings, &mut elements)?;
        }
        Ok(elements)
    }

    fn repeat(
        &mut self,
        template: &Template,
        ellipses: usize,
        bindings: &Bindings,
        elements: &mut Vec<Syntax>,
    ) -> Result<(), Fault> {
        if ellipses == 0 {
            elements.push(self.template(template, bindings)?);
            return Ok(());
        }
        for round in rounds(template, bindings)? {
            self.repeat(template, ellipses - 1, &round, elements)?;
        }
        Ok(())
    }
}

/// The bindings of each round of an ellipsis behind `template`.
fn rounds(template: &Template, bindings: &Bindings) -> Result<Vec<Bindings>, Fault> {
    let mut repeated: Vec<(Rc<str>, &Vec<Bound>)> = Vec::new();
    template.each_variable(&mut |name| {
        if let Some(Bound::Many(many)) = bindings.get(name) {
            repeated.push((name.clone(), many));
        }
    });
    let Some(count) = repeated.first().map(|(_, many)| many.len()) else {
        return Err(Fault::BadRules("an ellipsis in the template follows nothing that repeats"));
    };
    if repeated.iter().any(|(_, many)| many.len() != count) {
        return Err(Fault::BadRules("parts that are repeated together differ in length"));
    }
    let round = |i: usize| {
        let mut round = bindings.clone();
        round.extend(repeated.iter().map(|(name, many)| (name.clone(), many[i].clone())));
        round
    };
    Ok((0..count).map(round).collect())
}

/// A list; one whose tail is a list is a longer list.
fn joined(mut items: Vec<Syntax>, tail: Option<Syntax>) -> SyntaxKind {
    match tail {
        None => SyntaxKind::List(items, None),
        Some(Syntax { kind: SyntaxKind::List(more, end), .. }) => {
            items.extend(more);
            SyntaxKind::List(items, end)
        }
        Some(other) if items.is_empty() => other.kind,
        Some(other) => SyntaxKind::List(items, Some(Box::new(other))),
    }
}
