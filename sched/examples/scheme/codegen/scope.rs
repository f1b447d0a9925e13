//! What the compiler has to know of variables before it emits code.
//!
//! * which locals a lambda captures;
//! * which live in a box: those that are assigned, and `letrec` variables that something may look at before their
//!   initialiser has run (*early*: such a look is checked);
//! * which are bound to one known lambda for ever: calls go straight to its code;
//! * which of these capture nothing, directly or through each other (*closed*): their closure is a constant.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use crate::scheme::core::{Expr, ExprKind, Lambda, Program, Span, Var};

/// The identity of a lambda: where its node is.
pub type LambdaKey = *const Lambda;

/// The findings about one program.
#[derive(Debug, Default)]
pub struct Scope {
    free: HashMap<LambdaKey, BTreeSet<Var>>,
    mutated: HashSet<Var>,
    early: HashSet<Var>,
    known: HashMap<Var, Rc<Lambda>>,
    closed: HashSet<Var>,
    known_globals: HashMap<Rc<str>, (Rc<Lambda>, Span)>,
}

/// A program and the findings about it.
#[derive(Debug)]
pub struct Analysed {
    pub(super) program: Program,
    pub(super) scope: Rc<Scope>,
}

impl From<Program> for Analysed {
    fn from(program: Program) -> Analysed {
        Analysed { scope: Rc::new(Scope::of(&program)), program }
    }
}

impl Scope {
    /// Looks at a whole program.
    pub fn of(program: &Program) -> Scope {
        let mut scope = Scope::default();
        let mutated = program.vars.iter().enumerate().filter(|(_, v)| v.mutated);
        scope.mutated = mutated.map(|(i, _)| Var(i as u32)).collect();
        for form in &program.forms {
            scope.free_in(form);
        }
        program.forms.iter().for_each(|form| scope.find_closed(form));
        scope.find_known_globals(program);
        scope
    }

    /// The variables that a closure of `lambda` captures, in the order of its fields.
    pub fn captures(&self, lambda: &Lambda) -> Vec<Var> {
        let free = &self.free[&(lambda as LambdaKey)];
        free.iter().copied().filter(|v| !self.closed.contains(v)).collect()
    }

    /// Does the variable live in a box?
    pub fn is_boxed(&self, var: Var) -> bool {
        self.mutated.contains(&var) || self.early.contains(&var)
    }

    /// Can it be looked at before it has a value?
    pub fn is_early(&self, var: Var) -> bool {
        self.early.contains(&var)
    }

    /// The lambda that the variable always is.
    pub fn known(&self, var: Var) -> Option<&Rc<Lambda>> {
        self.known.get(&var)
    }

    /// The lambda that it always is, if that captures nothing.
    pub fn closed(&self, var: Var) -> Option<&Rc<Lambda>> {
        self.known.get(&var).filter(|_| self.closed.contains(&var))
    }

    /// The lambda that a global is from its definition on, and its place.
    pub fn known_global(&self, name: &str) -> Option<&(Rc<Lambda>, Span)> {
        self.known_globals.get(name)
    }

    fn free_in(&mut self, e: &Expr) -> BTreeSet<Var> {
        match &e.kind {
            ExprKind::Const(_) | ExprKind::Global(_) => BTreeSet::new(),
            ExprKind::Local(var) => BTreeSet::from([*var]),
            ExprKind::SetLocal(var, value) => {
                let mut free = self.free_in(value);
                free.insert(*var);
                free
            }
            ExprKind::Lambda(lambda) => self.free_in_lambda(lambda),
            ExprKind::Let(bindings, body) => {
                let mut free = self.free_in(body);
                bindings.iter().for_each(|(var, _)| _ = free.remove(var));
                bindings.iter().for_each(|(_, init)| free.extend(self.free_in(init)));
                free
            }
            ExprKind::Letrec(bindings, body) => self.free_in_letrec(bindings, body),
            _ => children(e).flat_map(|child| self.free_in(child)).collect(),
        }
    }

    fn free_in_lambda(&mut self, lambda: &Rc<Lambda>) -> BTreeSet<Var> {
        let mut free = self.free_in(&lambda.body);
        lambda.params.iter().chain(&lambda.rest).for_each(|var| _ = free.remove(var));
        self.free.insert(Rc::as_ptr(lambda), free.clone());
        free
    }

    fn free_in_letrec(&mut self, bindings: &[(Var, Expr)], body: &Expr) -> BTreeSet<Var> {
        let inits: Vec<BTreeSet<Var>> = bindings.iter().map(|(_, init)| self.free_in(init)).collect();
        self.find_early(bindings, &inits);
        for (var, init) in bindings {
            if let (ExprKind::Lambda(lambda), false) = (&init.kind, self.is_boxed(*var)) {
                self.known.insert(*var, Rc::clone(lambda));
            }
        }
        let mut free = self.free_in(body);
        free.extend(inits.into_iter().flatten());
        bindings.iter().for_each(|(var, _)| _ = free.remove(var));
        free
    }

    /// A variable is early if an initialiser mentions it that is evaluated before its own is done. Lambdas that
    /// stand next to each other are made at the same time, so they may mention each other.
    fn find_early(&mut self, bindings: &[(Var, Expr)], inits: &[BTreeSet<Var>]) {
        let mut group_start = 0;
        for (i, (var, init)) in bindings.iter().enumerate() {
            let is_lambda = matches!(init.kind, ExprKind::Lambda(_)) && !self.mutated.contains(var);
            let before_done = if is_lambda { &inits[..group_start] } else { &inits[..=i] };
            if before_done.iter().any(|free| free.contains(var)) {
                self.early.insert(*var);
            }
            if !is_lambda {
                group_start = i + 1;
            }
        }
    }

    /// Outside in: whether an inner procedure is closed depends on the outer ones.
    fn find_closed(&mut self, e: &Expr) {
        if let ExprKind::Letrec(bindings, _) = &e.kind {
            let group: Vec<(Var, Rc<Lambda>)> =
                bindings.iter().filter_map(|(v, _)| Some((*v, Rc::clone(self.known.get(v)?)))).collect();
            let is_ours = |v: &Var| group.iter().any(|(w, _)| w == v);
            let outside = |lambda: &Rc<Lambda>| {
                self.free[&Rc::as_ptr(lambda)].iter().any(|v| !is_ours(v) && !self.closed.contains(v))
            };
            if !group.iter().any(|(_, lambda)| outside(lambda)) {
                self.closed.extend(group.iter().map(|(var, _)| *var));
            }
        }
        children(e).for_each(|child| self.find_closed(child));
    }

    /// Globals that are defined once, at top level, as a lambda, and never set.
    fn find_known_globals(&mut self, program: &Program) {
        let mut stores: HashMap<Rc<str>, u32> = HashMap::new();
        program.forms.iter().for_each(|form| count_stores(form, &mut stores));
        for form in &program.forms {
            if let ExprKind::DefineGlobal(name, init) = &form.kind
                && let ExprKind::Lambda(lambda) = &init.kind
                && stores[name] == 1
            {
                self.known_globals.insert(Rc::clone(name), (Rc::clone(lambda), init.span));
            }
        }
    }
}

fn count_stores(e: &Expr, stores: &mut HashMap<Rc<str>, u32>) {
    if let ExprKind::SetGlobal(name, _) | ExprKind::DefineGlobal(name, _) = &e.kind {
        *stores.entry(Rc::clone(name)).or_default() += 1;
    }
    children(e).for_each(|child| count_stores(child, stores));
}

/// The direct sub-expressions, a lambda's body among them.
fn children(e: &Expr) -> Box<dyn Iterator<Item = &Expr> + '_> {
    match &e.kind {
        ExprKind::Const(_) | ExprKind::Local(_) | ExprKind::Global(_) => Box::new(std::iter::empty()),
        ExprKind::SetLocal(_, e) | ExprKind::SetGlobal(_, e) | ExprKind::DefineGlobal(_, e) => {
            Box::new(std::iter::once(&**e))
        }
        ExprKind::If(a, b, c) => Box::new([&**a, &**b, &**c].into_iter()),
        ExprKind::Begin(all) => Box::new(all.iter()),
        ExprKind::Let(bindings, body) | ExprKind::Letrec(bindings, body) => {
            Box::new(bindings.iter().map(|(_, init)| init).chain(std::iter::once(&**body)))
        }
        ExprKind::Lambda(lambda) => Box::new(std::iter::once(&lambda.body)),
        ExprKind::Call(f, args) => Box::new(std::iter::once(&**f).chain(args)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::core::{Datum, VarInfo};

    fn e(kind: ExprKind) -> Expr {
        Expr { span: Span::default(), kind }
    }

    fn local(n: u32) -> Expr {
        e(ExprKind::Local(Var(n)))
    }

    fn lambda(params: &[u32], body: Expr) -> Rc<Lambda> {
        let params = params.iter().map(|&n| Var(n)).collect();
        Rc::new(Lambda { name: "f".into(), params, rest: None, body })
    }

    fn letrec(bindings: Vec<(u32, Expr)>, body: Expr) -> Expr {
        e(ExprKind::Letrec(bindings.into_iter().map(|(v, init)| (Var(v), init)).collect(), Box::new(body)))
    }

    fn scope(form: Expr, vars: u32) -> Scope {
        let vars = (0..vars).map(|_| VarInfo { name: "v".into(), mutated: false }).collect();
        Scope::of(&Program { forms: vec![form], vars, ..Program::default() })
    }

    #[test]
    fn procedures_that_mention_only_each_other_are_closed() {
        let (f, g) = (lambda(&[2], local(1)), lambda(&[3], local(0)));
        let bindings = vec![(0, e(ExprKind::Lambda(Rc::clone(&f)))), (1, e(ExprKind::Lambda(Rc::clone(&g))))];
        let scope = scope(letrec(bindings, local(0)), 4);
        assert!(scope.closed(Var(0)).is_some() && scope.closed(Var(1)).is_some());
        assert_eq!((scope.captures(&f), scope.captures(&g)), (vec![], vec![]));
        assert!(!scope.is_boxed(Var(0)));
    }

    #[test]
    fn one_that_mentions_a_parameter_captures_it() {
        let inner = lambda(&[2], local(0));
        let body = letrec(vec![(1, e(ExprKind::Lambda(Rc::clone(&inner))))], local(1));
        let scope = scope(e(ExprKind::Lambda(lambda(&[0], body))), 3);
        assert_eq!(scope.captures(&inner), [Var(0)]);
        assert!(scope.known(Var(1)).is_some() && scope.closed(Var(1)).is_none());
    }

    #[test]
    fn a_variable_seen_before_its_initialiser_is_early() {
        let f = e(ExprKind::Lambda(lambda(&[], local(1))));
        let constant = e(ExprKind::Const(Datum::Fixnum(1)));
        let early = scope(letrec(vec![(0, f.clone()), (1, constant.clone())], local(0)), 2);
        assert!(early.is_early(Var(1)) && early.is_boxed(Var(1)) && !early.is_boxed(Var(0)));
        let late = scope(letrec(vec![(1, constant), (0, f)], local(0)), 2);
        assert!(!late.is_early(Var(1)) && late.known(Var(0)).is_some());
        assert!(scope(letrec(vec![(0, local(0))], local(0)), 1).is_early(Var(0)), "its own initialiser");
    }

    #[test]
    fn a_global_defined_twice_is_not_known() {
        let define = |name: &str| {
            let init = e(ExprKind::Lambda(lambda(&[], e(ExprKind::Const(Datum::Nil)))));
            e(ExprKind::DefineGlobal(name.into(), Box::new(init)))
        };
        let forms = vec![define("f"), define("g"), define("g")];
        let scope = Scope::of(&Program { forms, ..Program::default() });
        assert!(scope.known_global("f").is_some() && scope.known_global("g").is_none());
    }
}
