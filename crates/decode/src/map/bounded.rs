//! Puts the filters that count steps into a program.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::path::{Part, Path};

use super::budget::{COUNT, TICK};

/// Returns a definition whose steps are counted.
pub(super) fn definition(def: Def<&str>) -> Def<&str> {
    let calls_itself = calls(&def.body, def.name);
    let mut body = term(def.body);
    if calls_itself {
        // What a function passes on to itself becomes a longer chain with each call.
        body = ticked(tick_parameters(body, &def.args));
    }
    Def { body, ..def }
}

/// Returns a term whose steps are counted.
///
/// Sequences such as `a, b` are left alone: a function that calls itself at the end of one would
/// otherwise take more of the stack with each output. They are as long as the program says.
pub(super) fn term(found: Term<&str>) -> Term<&str> {
    let gives_several = gives_several(&found);
    let inner = match found {
        Term::Def(definitions, inner) => {
            let definitions = definitions.into_iter().map(definition);
            Term::Def(definitions.collect(), term(*inner).into())
        }
        other => map(other, &term),
    };
    if gives_several {
        Term::Call(COUNT, vec![inner])
    } else {
        inner
    }
}

/// Returns a term with a tick before each call of a parameter.
fn tick_parameters<'s>(found: Term<&'s str>, parameters: &[&'s str]) -> Term<&'s str> {
    match found {
        Term::Call(name, arguments) if arguments.is_empty() && parameters.contains(&name) => {
            ticked(Term::Call(name, arguments))
        }
        other => map(other, &|inner| tick_parameters(inner, parameters)),
    }
}

/// Returns a term with a tick before it: on the left of a pipe, so that a last call stays the last.
fn ticked(found: Term<&str>) -> Term<&str> {
    let tick = Term::Call(TICK, Vec::new());
    Term::BinOp(tick.into(), BinaryOp::Pipe(None), found.into())
}

/// Whether a term itself, and not only a term within it, gives as many outputs as its input says.
fn gives_several(found: &Term<&str>) -> bool {
    match found {
        Term::Recurse => true,
        Term::Path(_, Path(parts)) => parts
            .iter()
            .any(|(part, _)| matches!(part, Part::Range(None, None))),
        Term::Call(name, arguments) => *name == "range" && arguments.len() == 3,
        _ => false,
    }
}

type Each<'e, 's> = &'e dyn Fn(Term<&'s str>) -> Term<&'s str>;

/// Returns the same term, with `each` applied to the terms within it.
fn map<'s>(found: Term<&'s str>, each: Each<'_, 's>) -> Term<&'s str> {
    let boxed = |inner: Box<Term<&'s str>>| Box::new(each(*inner));
    match found {
        Term::Id | Term::Recurse | Term::Num(_) | Term::Break(_) | Term::Var(_) => found,
        Term::Str(format, parts) => {
            let parts = parts.into_iter().map(|part| match part {
                StrPart::Term(inner) => StrPart::Term(each(inner)),
                other => other,
            });
            Term::Str(format, parts.collect())
        }
        Term::Arr(inner) => Term::Arr(inner.map(boxed)),
        Term::Obj(fields) => {
            let fields = fields.into_iter();
            Term::Obj(
                fields
                    .map(|(key, value)| (each(key), value.map(each)))
                    .collect(),
            )
        }
        Term::Neg(inner) => Term::Neg(boxed(inner)),
        Term::BinOp(left, BinaryOp::Pipe(Some(names)), right) => {
            let operator = BinaryOp::Pipe(Some(pattern(names, each)));
            Term::BinOp(boxed(left), operator, boxed(right))
        }
        Term::BinOp(left, operator, right) => Term::BinOp(boxed(left), operator, boxed(right)),
        Term::Label(name, inner) => Term::Label(name, boxed(inner)),
        Term::Fold(kind, inputs, names, arguments) => {
            let arguments = arguments.into_iter().map(each);
            Term::Fold(
                kind,
                boxed(inputs),
                pattern(names, each),
                arguments.collect(),
            )
        }
        Term::TryCatch(inner, catch) => Term::TryCatch(boxed(inner), catch.map(boxed)),
        Term::IfThenElse(cases, otherwise) => {
            let cases = { cases.into_iter() }.map(|(case, then)| (each(case), each(then)));
            Term::IfThenElse(cases.collect(), otherwise.map(boxed))
        }
        Term::Def(definitions, inner) => {
            let definitions = definitions.into_iter().map(|definition| Def {
                body: each(definition.body),
                ..definition
            });
            Term::Def(definitions.collect(), boxed(inner))
        }
        Term::Call(name, arguments) => Term::Call(name, arguments.into_iter().map(each).collect()),
        Term::Path(inner, Path(parts)) => {
            let parts = { parts.into_iter() }.map(|(part, option)| {
                let part = match part {
                    Part::Index(index) => Part::Index(each(index)),
                    Part::Range(from, to) => Part::Range(from.map(each), to.map(each)),
                };
                (part, option)
            });
            Term::Path(boxed(inner), Path(parts.collect()))
        }
    }
}

fn pattern<'s>(found: Pattern<&'s str>, each: Each<'_, 's>) -> Pattern<&'s str> {
    match found {
        Pattern::Var(_) => found,
        Pattern::Arr(parts) => {
            let parts = parts.into_iter().map(|part| pattern(part, each));
            Pattern::Arr(parts.collect())
        }
        Pattern::Obj(fields) => {
            let fields = fields.into_iter();
            Pattern::Obj(
                fields
                    .map(|(key, part)| (each(key), pattern(part, each)))
                    .collect(),
            )
        }
    }
}

/// Whether a function is called within a term.
fn calls(found: &Term<&str>, function: &str) -> bool {
    let within = |inner: &Term<&str>| calls(inner, function);
    match found {
        Term::Call(name, arguments) => *name == function || arguments.iter().any(within),
        Term::Id | Term::Recurse | Term::Num(_) | Term::Break(_) | Term::Var(_) => false,
        Term::Str(_, parts) => {
            { parts.iter() }.any(|part| matches!(part, StrPart::Term(inner) if within(inner)))
        }
        Term::Arr(inner) => inner.as_deref().is_some_and(within),
        Term::Obj(fields) => {
            { fields.iter() }.any(|(key, value)| within(key) || value.as_ref().is_some_and(within))
        }
        Term::BinOp(left, _, right) => within(left) || within(right),
        Term::Neg(inner) | Term::Label(_, inner) => within(inner),
        Term::Fold(_, inputs, _, arguments) => within(inputs) || arguments.iter().any(within),
        Term::TryCatch(inner, catch) => within(inner) || catch.as_deref().is_some_and(within),
        Term::IfThenElse(cases, otherwise) => {
            { cases.iter() }.any(|(case, then)| within(case) || within(then))
                || otherwise.as_deref().is_some_and(within)
        }
        Term::Def(definitions, inner) => {
            within(inner) || definitions.iter().any(|inner| within(&inner.body))
        }
        Term::Path(inner, Path(parts)) => {
            within(inner)
                || parts.iter().any(|(part, _)| match part {
                    Part::Index(index) => within(index),
                    Part::Range(from, to) => {
                        from.as_ref().is_some_and(within) || to.as_ref().is_some_and(within)
                    }
                })
        }
    }
}
