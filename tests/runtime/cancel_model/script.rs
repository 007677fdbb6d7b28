//! Random scripts: the bodies of tasks, and cancels from outside.

use std::rc::Rc;

use proptest::prelude::*;

/// An action with its number in the script.
#[derive(Clone, Debug)]
pub struct Node {
    pub id: usize,
    pub action: Action,
}

/// Times are milliseconds.
#[derive(Clone, Debug)]
pub enum Action {
    Sleep(u64),
    Yield,
    /// Reads a byte that is there.
    ReadReady,
    /// Reads a byte that arrives at a time, and repeats a read that has failed.
    Read {
        at: u64,
        n_tries: usize,
    },
    Join(Child),
    /// Joins one of the children of the innermost scope.
    JoinChild(usize),
    CancelSelf,
    Uncancel,
    Timeout(Option<u64>, Vec<Node>),
    Deadline(u64, Vec<Node>),
    Scope(Vec<Child>, Vec<Node>),
    Finally(Vec<Node>, Vec<Node>),
    Catch(Vec<Node>),
    /// Catches any unwind.
    Swallow(Vec<Node>),
    /// The same on another stack, which makes no difference.
    Inside(Stack, Vec<Node>),
}

#[derive(Clone, Copy, Debug)]
pub enum Stack {
    Called,
    Coroutine,
}

/// Another task.
#[derive(Clone, Debug)]
pub struct Child {
    pub lasts: u64,
    pub fails: bool,
    pub on_cancel: OnCancel,
}

#[derive(Clone, Copy, Debug)]
pub enum OnCancel {
    End,
    /// Ends after some time.
    CleanUp(u64),
    GoOn,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub time: u64,
    pub id: usize,
    pub what: What,
    /// Number of requests to cancel.
    pub cancelling: u32,
}

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    Done,
    Failed(Failure),
    Elapsed,
    Caught,
    /// Number of children that failed.
    Errors(usize),
    Unwound,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Failure {
    TimedOut,
    Cancelled,
}

impl Node {
    pub fn visit(script: &[Self], f: &mut impl FnMut(&Self)) {
        for node in script {
            f(node);
            match &node.action {
                Action::Timeout(_, inner)
                | Action::Deadline(_, inner)
                | Action::Scope(_, inner)
                | Action::Catch(inner)
                | Action::Swallow(inner)
                | Action::Inside(_, inner) => Self::visit(inner, f),
                Action::Finally(inner, cleanup) => {
                    Self::visit(inner, f);
                    Self::visit(cleanup, f);
                }
                _ => {}
            }
        }
    }
}

/// After all cancels.
const LATE: u64 = 100_000_000;

/// Times of cancels from outside after any other time of a script, so that each script ends.
pub fn last_cancels() -> impl Iterator<Item = u64> {
    (1..200).map(|n| 1_000_000 + n * 100_003)
}

pub fn time() -> impl Strategy<Value = u64> {
    1..2_000_u64
}

fn child() -> impl Strategy<Value = Child> {
    let on_cancel = prop_oneof![
        2 => Just(OnCancel::End),
        1 => time().prop_map(OnCancel::CleanUp),
        1 => Just(OnCancel::GoOn),
    ];
    (time(), any::<bool>(), on_cancel).prop_map(|(lasts, fails, on_cancel)| Child {
        lasts,
        fails,
        on_cancel,
    })
}

pub fn scripts() -> impl Strategy<Value = Rc<[Node]>> {
    let n_tries = prop_oneof![3 => Just(1), 2 => 2..4_usize, 1 => Just(10)];
    let at = prop_oneof![2 => time(), 1 => time().prop_map(|at| LATE + at)];
    let simple = prop_oneof![
        4 => time().prop_map(Action::Sleep),
        2 => Just(Action::Yield),
        1 => Just(Action::ReadReady),
        6 => (at, n_tries).prop_map(|(at, n_tries)| Action::Read { at, n_tries }),
        2 => child().prop_map(Action::Join),
        1 => (0..2_usize).prop_map(Action::JoinChild),
        1 => Just(Action::CancelSelf),
        1 => Just(Action::Uncancel),
    ];
    let node = |action| Node { id: 0, action };
    let node = simple
        .prop_map(node)
        .prop_recursive(5, 24, 4, move |inner| {
            let script = prop::collection::vec(inner, 0..5);
            let lasts =
                prop_oneof![1 => Just(Some(0)), 8 => time().prop_map(Some), 1 => Just(None)];
            let children = prop::collection::vec(child(), 0..3);
            prop_oneof![
            4 => (lasts, script.clone()).prop_map(|(lasts, inner)| Action::Timeout(lasts, inner)),
            1 => (time(), script.clone()).prop_map(|(lasts, inner)| Action::Deadline(lasts, inner)),
            3 => (children, script.clone())
                .prop_map(|(children, inner)| Action::Scope(children, inner)),
            2 => (script.clone(), script.clone())
                .prop_map(|(inner, cleanup)| Action::Finally(inner, cleanup)),
            2 => script.clone().prop_map(Action::Catch),
            1 => script.clone().prop_map(Action::Swallow),
            1 => script.clone().prop_map(|inner| Action::Inside(Stack::Called, inner)),
            1 => script.prop_map(|inner| Action::Inside(Stack::Coroutine, inner)),
        ]
        .prop_map(node)
        });
    prop::collection::vec(node, 1..6).prop_map(|mut script| {
        number(&mut script, &mut 0);
        script.into()
    })
}

/// Gives each action its number.
fn number(script: &mut [Node], next: &mut usize) {
    for node in script {
        node.id = *next;
        *next += 1;
        match &mut node.action {
            Action::Timeout(_, inner)
            | Action::Deadline(_, inner)
            | Action::Scope(_, inner)
            | Action::Catch(inner)
            | Action::Swallow(inner)
            | Action::Inside(_, inner) => number(inner, next),
            Action::Finally(inner, cleanup) => {
                number(inner, next);
                number(cleanup, next);
            }
            _ => {}
        }
    }
}
