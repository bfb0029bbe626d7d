//! Bounds what a run of a program takes: steps, time, and the stack.
//!
//! A program that is compiled has two filters in it that its author did not write: one where a
//! function calls itself, one around whatever can give several outputs. Both count a step, and
//! end the run when a limit is exceeded. No `try` of the program catches that.

use std::cell::Cell;
use std::time::Instant;

use jaq_core::box_iter::box_once;
use jaq_core::data::HasLut;
use jaq_core::native::Fun;
use jaq_core::{Bind, Ctx, Cv, DataT, Exn, Lut, Native, ValX, ValXs};
use jaq_json::Val;

use super::limits::MapLimits;

/// Counts a step, and gives its input. A program cannot have such a name.
pub(super) const TICK: &str = "!tick";

/// Counts each output of its argument.
pub(super) const COUNT: &str = "!count";

/// Most bytes of the stack that a run takes. Every thread has twice as much.
const STACK_BYTES: usize = 1 << 20;

/// After so many steps the clock is read.
const STEPS_PER_CLOCK: usize = 64;

/// The values of a program, and what its filters can reach.
pub(super) struct Bounded;

impl DataT for Bounded {
    type V<'a> = Val;
    type Data<'a> = Reach<'a>;
}

/// What the filters of a run can reach.
#[derive(Clone, Copy)]
pub(super) struct Reach<'a> {
    pub(super) lut: &'a Lut<Bounded>,
    pub(super) budget: &'a Budget,
}

impl<'a> HasLut<'a, Bounded> for Reach<'a> {
    fn lut(&self) -> &'a Lut<Bounded> {
        self.lut
    }
}

/// What is left to a run.
pub(super) struct Budget {
    limits: MapLimits,
    begin: Instant,
    steps: Cell<usize>,
    /// Where the stack was at the beginning.
    stack: usize,
    exceeded: Cell<Option<Limit>>,
}

/// What a run has exceeded.
#[derive(Clone, Copy)]
enum Limit {
    Outputs,
    Steps,
    Stack,
    Time,
}

impl Budget {
    pub(super) fn new(limits: MapLimits) -> Self {
        Self {
            limits,
            begin: Instant::now(),
            steps: Cell::new(0),
            stack: stack_address(),
            exceeded: Cell::new(None),
        }
    }

    /// Returns which limit was exceeded, if any, in words.
    pub(super) fn exceeded(&self) -> Option<String> {
        let MapLimits {
            outputs,
            steps,
            time,
        } = self.limits;
        Some(match self.exceeded.get()? {
            Limit::Outputs => format!("more than {outputs} outputs"),
            Limit::Steps => format!("it takes more than {steps} steps"),
            Limit::Stack => "its functions call themselves too deeply".to_owned(),
            Limit::Time => format!("it runs for more than {} ms", time.as_millis()),
        })
    }

    /// Counts an output of the program; `before` is the number of outputs before it.
    pub(super) fn output(&self, before: usize) -> Result<(), ()> {
        if before >= self.limits.outputs {
            return self.exceed(Limit::Outputs);
        }
        if before > 0 { self.clock() } else { Ok(()) }
    }

    fn step(&self) -> Result<(), ()> {
        let steps = self.steps.get() + 1;
        self.steps.set(steps);
        if steps > self.limits.steps {
            return self.exceed(Limit::Steps);
        }
        if steps.is_multiple_of(STEPS_PER_CLOCK) {
            return self.clock();
        }
        Ok(())
    }

    fn call(&self) -> Result<(), ()> {
        if self.stack.abs_diff(stack_address()) > STACK_BYTES {
            return self.exceed(Limit::Stack);
        }
        self.step()
    }

    fn clock(&self) -> Result<(), ()> {
        if self.begin.elapsed() >= self.limits.time {
            return self.exceed(Limit::Time);
        }
        Ok(())
    }

    fn exceed(&self, limit: Limit) -> Result<(), ()> {
        if self.exceeded.get().is_none() {
            self.exceeded.set(Some(limit));
        }
        Err(())
    }
}

/// Returns about where the stack of this thread is.
fn stack_address() -> usize {
    let here = 0_u8;
    std::hint::black_box(&raw const here).addr()
}

/// Ends the run: it is the one exception that no program can catch.
fn end<'a, T>(result: Result<(), ()>, value: T) -> ValX<'a, T, Val> {
    match result {
        Ok(()) => Ok(value),
        Err(()) => Err(Exn::halt(1)),
    }
}

/// The two filters.
pub(super) fn functions() -> [Fun<Bounded>; 2] {
    let tick = Native::<Bounded>::new(|cv| box_once(end(budget(&cv.0).call(), cv.1)))
        .with_paths(|cv| box_once(end(budget(&cv.0).call(), cv.1)))
        .with_update(|cv, then| match budget(&cv.0).call() {
            Ok(()) => then(cv.1),
            Err(()) => box_once(Err(Exn::halt(1))),
        });
    let count = Native::<Bounded>::new(count)
        .with_paths(|mut cv| {
            let (filter, context) = cv.0.pop_fun();
            let budget = budget(&context);
            let outputs = filter.paths((context, cv.1));
            Box::new(outputs.map(move |output| end(budget.step(), output?)))
        })
        .with_update(|mut cv, then| {
            let (filter, context) = cv.0.pop_fun();
            let budget = budget(&context);
            let then = move |value| match budget.step() {
                Ok(()) => then(value),
                Err(()) => box_once(Err(Exn::halt(1))),
            };
            filter.update((context, cv.1), Box::new(then))
        });
    [
        (TICK, Box::new([]), tick),
        (COUNT, Box::new([Bind::Fun(())]), count),
    ]
}

fn count(mut cv: Cv<'_, Bounded>) -> ValXs<'_, Val> {
    let (filter, context) = cv.0.pop_fun();
    let budget = budget(&context);
    let outputs = filter.run((context, cv.1));
    Box::new(outputs.map(move |output| end(budget.step(), output?)))
}

fn budget<'a>(context: &Ctx<'a, Bounded>) -> &'a Budget {
    context.data().budget
}
