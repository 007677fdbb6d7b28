//! The arms of a [`select!`](crate::select), as the macro makes them: a list of pairs, each of an arm and the rest.

#![allow(unsafe_code)]

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;

use super::race::Entrants;
use crate::runtime::cancel::ScopeState;
use crate::runtime::core::Awaiting;
use crate::runtime::first::{Arm, End, Here, Wait, Waits, describe_next};

/// Result of the arm of a [`select!`](crate::select) that has won.
#[doc(hidden)]
#[derive(Debug)]
pub enum Won<First, Rest> {
    First(First),
    Rest(Rest),
}

/// Returns a function. The bound tells the compiler that the function is called once, so that it may return what it has
/// captured by reference.
#[doc(hidden)]
pub fn once<F: FnOnce() -> T, T>(run: F) -> F {
    run
}

/// Finds out whether an arm's expression is a [`Wait`]. A method call prefers the implementation with fewer references.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "only the macro makes one")]
pub struct Probe<F>(PhantomData<F>);

impl<F> Probe<F> {
    pub fn of(_run: &F) -> Self {
        Self(PhantomData)
    }
}

/// The arm for expressions of a type.
#[doc(hidden)]
pub trait Kind: Sized {
    type Arm<F>;

    fn arm<F>(run: F) -> Self::Arm<F>;
}

impl<W: Wait> Kind for W {
    type Arm<F> = WaitArm<F, W>;

    fn arm<F>(run: F) -> WaitArm<F, W> {
        WaitArm {
            run: Some(run),
            wait: None,
        }
    }
}

/// The type of an expression that never ends is not known yet when its arm is chosen. The compiler then takes the first
/// implementation, and `!` for the type, or `()` before edition 2024.
macro_rules! is_code {
    ($($Type:ty),+) => {$(
        impl Kind for $Type {
            type Arm<F> = CodeArm<F>;

            fn arm<F>(run: F) -> CodeArm<F> {
                CodeArm(Some(run))
            }
        }
    )+};
}

is_code!((), <fn() -> ! as Returns>::Type);

/// Names the type `!`.
#[doc(hidden)]
pub trait Returns {
    type Type;
}

impl<T> Returns for fn() -> T {
    type Type = T;
}

#[doc(hidden)]
pub trait ProbeWait<F, W: Kind> {
    fn selvedge_arm(&self, run: F) -> W::Arm<F>;
}

impl<F: FnOnce() -> W, W: Kind> ProbeWait<F, W> for Probe<F> {
    fn selvedge_arm(&self, run: F) -> W::Arm<F> {
        W::arm(run)
    }
}

#[doc(hidden)]
pub trait ProbeCode<F> {
    fn selvedge_arm(&self, run: F) -> CodeArm<F>;
}

impl<F> ProbeCode<F> for &Probe<F> {
    fn selvedge_arm(&self, run: F) -> CodeArm<F> {
        CodeArm(Some(run))
    }
}

/// An arm whose expression is a wait. Without the wait the arm does not take part.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "only the macro makes one")]
pub struct WaitArm<F, W> {
    run: Option<F>,
    wait: Option<W>,
}

/// An arm whose expression is code, for a task.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "only the macro makes one")]
pub struct CodeArm<F>(Option<F>);

/// The arms of a [`select!`](crate::select): a list of pairs, each of an arm and the rest.
#[doc(hidden)]
pub trait Arms: Waits {
    /// Whether an enabled arm is code.
    fn has_code(&self, is_enabled: &[bool]) -> bool;

    /// Evaluates the expressions of the enabled waits. Returns whether there are any.
    fn make_waits(&mut self, is_enabled: &[bool]) -> bool;

    /// Spawns a task for each enabled arm that is code.
    fn enter<'scope, T: 'scope>(
        &mut self,
        is_enabled: &[bool],
        race: &mut Entrants<'scope, '_, T>,
        wrap: impl FnOnce(Self::Output) -> T + Copy + 'scope,
    ) -> io::Result<()>
    where
        Self: 'scope;
}

impl Arms for () {
    fn has_code(&self, _is_enabled: &[bool]) -> bool {
        false
    }

    fn make_waits(&mut self, _is_enabled: &[bool]) -> bool {
        false
    }

    fn enter<'scope, T: 'scope>(
        &mut self,
        _is_enabled: &[bool],
        _race: &mut Entrants<'scope, '_, T>,
        _wrap: impl FnOnce(Infallible) -> T + Copy + 'scope,
    ) -> io::Result<()> {
        Ok(())
    }
}

impl<F: FnOnce() -> W, W: Wait, R: Arms> Arms for (WaitArm<F, W>, R) {
    fn has_code(&self, is_enabled: &[bool]) -> bool {
        self.1.has_code(&is_enabled[1..])
    }

    fn make_waits(&mut self, is_enabled: &[bool]) -> bool {
        if let Some(run) = self.0.run.take_if(|_| is_enabled[0]) {
            self.0.wait = Some(run());
        }
        self.1.make_waits(&is_enabled[1..]) || is_enabled[0]
    }

    fn enter<'scope, T: 'scope>(
        &mut self,
        is_enabled: &[bool],
        race: &mut Entrants<'scope, '_, T>,
        wrap: impl FnOnce(Self::Output) -> T + Copy + 'scope,
    ) -> io::Result<()>
    where
        Self: 'scope,
    {
        let wrap_rest = move |rest| wrap(Won::Rest(rest));
        self.1.enter(&is_enabled[1..], race, wrap_rest)
    }
}

impl<F: FnOnce() -> U, U, R: Arms> Arms for (CodeArm<F>, R) {
    fn has_code(&self, is_enabled: &[bool]) -> bool {
        is_enabled[0] || self.1.has_code(&is_enabled[1..])
    }

    fn make_waits(&mut self, is_enabled: &[bool]) -> bool {
        self.1.make_waits(&is_enabled[1..])
    }

    fn enter<'scope, T: 'scope>(
        &mut self,
        is_enabled: &[bool],
        race: &mut Entrants<'scope, '_, T>,
        wrap: impl FnOnce(Self::Output) -> T + Copy + 'scope,
    ) -> io::Result<()>
    where
        Self: 'scope,
    {
        if let Some(run) = self.0.0.take_if(|_| is_enabled[0]) {
            race.add(move || wrap(Won::First(run())))?;
        }
        let wrap_rest = move |rest| wrap(Won::Rest(rest));
        self.1.enter(&is_enabled[1..], race, wrap_rest)
    }
}

impl<F, W: Wait, R: Waits> Waits for (WaitArm<F, W>, R) {
    type Output = Won<W::Output, R::Output>;
    type Arms = (Arm, R::Arms);

    fn arms(&self, here: Here) -> Self::Arms {
        (Arm::new(here), self.1.arms(here))
    }

    fn try_now(&mut self) -> Option<Self::Output> {
        let mine = self.0.wait.as_mut().and_then(Wait::try_now);
        match mine {
            Some(output) => Some(Won::First(output)),
            None => self.1.try_now().map(Won::Rest),
        }
    }

    fn start(&mut self, arms: Pin<&Self::Arms>) -> Option<(usize, End)> {
        let (arm, rest) = split(arms);
        let mine = self.0.wait.as_mut();
        if mine.is_some_and(|wait| wait.start(arm)) {
            return Some((0, arm.end()));
        }
        let (index, end) = self.1.start(rest)?;
        Some((index + 1, end))
    }

    fn winner(&mut self, arms: Pin<&Self::Arms>) -> Option<(usize, End)> {
        let (arm, rest) = split(arms);
        let mine = self.0.wait.as_mut();
        if mine.is_some_and(|wait| wait.is_done(arm)) {
            return Some((0, arm.end()));
        }
        let (index, end) = self.1.winner(rest)?;
        Some((index + 1, end))
    }

    fn leave(&mut self, arms: Pin<&Self::Arms>, winner: Option<usize>) {
        let (arm, rest) = split(arms);
        arm.unlink();
        if let Some(wait) = self.0.wait.as_mut().filter(|_| winner != Some(0)) {
            wait.leave(arm.end());
        }
        let winner = winner.and_then(|index| index.checked_sub(1));
        self.1.leave(rest, winner);
    }

    fn finish(&mut self, index: usize, end: End) -> Self::Output {
        match (index.checked_sub(1), &mut self.0.wait) {
            (Some(index), _) => Won::Rest(self.1.finish(index, end)),
            (None, Some(wait)) => Won::First(wait.finish(end)),
            (None, None) => unreachable!("an arm without a wait does not win"),
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>, is_first: bool) -> fmt::Result {
        if let Some(wait) = &self.0.wait {
            describe_next(wait, f, is_first)?;
        }
        self.1.describe(f, is_first && self.0.wait.is_none())
    }
}

/// Code takes part by a task only: here it is a wait that is never done.
impl<F: FnOnce() -> U, U, R: Waits> Waits for (CodeArm<F>, R) {
    type Output = Won<U, R::Output>;
    type Arms = R::Arms;

    fn arms(&self, here: Here) -> Self::Arms {
        self.1.arms(here)
    }

    fn try_now(&mut self) -> Option<Self::Output> {
        self.1.try_now().map(Won::Rest)
    }

    fn start(&mut self, arms: Pin<&Self::Arms>) -> Option<(usize, End)> {
        self.1.start(arms)
    }

    fn winner(&mut self, arms: Pin<&Self::Arms>) -> Option<(usize, End)> {
        self.1.winner(arms)
    }

    fn leave(&mut self, arms: Pin<&Self::Arms>, winner: Option<usize>) {
        self.1.leave(arms, winner);
    }

    fn finish(&mut self, index: usize, end: End) -> Self::Output {
        Won::Rest(self.1.finish(index, end))
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>, is_first: bool) -> fmt::Result {
        self.1.describe(f, is_first)
    }
}

/// The waits among the arms, beside the tasks of the arms that are code. The output is `None` if a task is done.
pub(super) struct BesideTasks<'a, A> {
    pub(super) arms: &'a mut A,
    pub(super) tasks: &'a ScopeState,
}

/// The index of the tasks.
const TASKS: usize = usize::MAX;

impl<A: Waits> Waits for BesideTasks<'_, A> {
    type Output = Option<A::Output>;
    type Arms = A::Arms;

    fn arms(&self, here: Here) -> A::Arms {
        self.arms.arms(here)
    }

    fn try_now(&mut self) -> Option<Self::Output> {
        self.arms.try_now().map(Some)
    }

    fn start(&mut self, arms: Pin<&A::Arms>) -> Option<(usize, End)> {
        self.arms.start(arms)
    }

    fn winner(&mut self, arms: Pin<&A::Arms>) -> Option<(usize, End)> {
        if self.tasks.has_winner() {
            return Some((TASKS, End::EMPTY));
        }
        self.arms.winner(arms)
    }

    fn leave(&mut self, arms: Pin<&A::Arms>, winner: Option<usize>) {
        self.arms.leave(arms, winner);
    }

    fn finish(&mut self, index: usize, end: End) -> Self::Output {
        (index != TASKS).then(|| self.arms.finish(index, end))
    }

    fn must_be_kept(&self) -> bool {
        self.tasks.has_winner()
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>, is_first: bool) -> fmt::Result {
        self.arms.describe(f, is_first)?;
        f.write_str(", ")?;
        Awaiting::describe(self.tasks, f)
    }
}

/// Pins the parts of a pair.
fn split<T, U>(pair: Pin<&(T, U)>) -> (Pin<&T>, Pin<&U>) {
    // SAFETY: both fields are pinned with the pair.
    unsafe {
        (
            pair.map_unchecked(|pair| &pair.0),
            pair.map_unchecked(|pair| &pair.1),
        )
    }
}
