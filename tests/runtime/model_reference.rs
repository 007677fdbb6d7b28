//! The scheduler as a model: a queue of entries, tasks that are scripts with a position in them, and no stacks.

use std::collections::VecDeque;

use crate::model::{Action, Event, N_PROMISES};

/// A flattened script.
#[derive(Clone, Debug)]
enum Step {
    Do(usize, Action),
    /// From here to that position a cancel is caught, and the task goes on there.
    Catch(usize),
    EndCatch,
}

/// Appends the actions, of which the first has the number `step`.
fn flatten(script: &[Action], step: &mut usize, flat: &mut Vec<Step>) {
    for action in script {
        match action {
            Action::Inside(_, inner) => flatten(inner, step, flat),
            Action::Catch(inner) => {
                let start = flat.len();
                flat.push(Step::EndCatch);
                flatten(inner, step, flat);
                flat.push(Step::EndCatch);
                flat[start] = Step::Catch(flat.len());
            }
            action => {
                flat.push(Step::Do(*step, action.clone()));
                *step += 1;
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Entry {
    Task(usize),
    Callback(usize, usize),
    /// The done-callback by which the run ends.
    Stop,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Waits {
    /// In the queue, or running.
    No,
    For(usize),
    Asleep,
    Join(usize),
}

#[derive(Debug)]
struct Task {
    script: Vec<Step>,
    /// The position in the script.
    at: usize,
    catches: Vec<usize>,
    waits: Waits,
    children: Vec<usize>,
    joiners: Vec<usize>,
    must_cancel: bool,
    /// A cancel was passed on to the awaited task or promise.
    went_through: bool,
    has_begun: bool,
    is_done: bool,
    is_cancelled: bool,
}

#[derive(Debug, Default)]
struct Promise {
    is_done: bool,
    is_cancelled: bool,
    /// Waiting tasks and callbacks, in the order of their waits.
    waiting: Vec<Entry>,
}

/// The model.
#[derive(Debug, Default)]
pub struct Reference {
    events: Vec<Event>,
    tasks: Vec<Task>,
    promises: [Promise; N_PROMISES],
    queue: VecDeque<Entry>,
    /// Deadlines and sleepers, in the order of going to sleep.
    sleepers: Vec<(u32, usize)>,
    now: u32,
    is_stopping: bool,
}

impl Reference {
    pub fn play(script: &[Action]) -> Vec<Event> {
        let mut this = Self::default();
        let main = this.make(script);
        this.queue.push_back(Entry::Task(main));
        while !this.is_stopping {
            if this.queue.is_empty() && !this.wake_sleepers() {
                this.events.push(Event::Deadlock);
                break;
            }
            // An iteration has the entries that are in the queue at its start.
            for _ in 0..this.queue.len() {
                match this.queue.pop_front().expect("counted") {
                    Entry::Task(id) => this.resume(id),
                    Entry::Callback(id, step) => this.events.push(Event::Called(id, step)),
                    Entry::Stop => this.is_stopping = true,
                }
            }
        }
        this.events
    }

    fn make(&mut self, script: &[Action]) -> usize {
        let mut flat = Vec::new();
        flatten(script, &mut 0, &mut flat);
        self.tasks.push(Task {
            script: flat,
            at: 0,
            catches: Vec::new(),
            waits: Waits::No,
            children: Vec::new(),
            joiners: Vec::new(),
            must_cancel: false,
            went_through: false,
            has_begun: false,
            is_done: false,
            is_cancelled: false,
        });
        self.tasks.len() - 1
    }

    /// The clock jumps to the first deadline.
    fn wake_sleepers(&mut self) -> bool {
        let Some(first) = self.sleepers.iter().map(|sleeper| sleeper.0).min() else {
            return false;
        };
        self.now = first;
        let due: Vec<usize> = self
            .sleepers
            .extract_if(.., |sleeper| sleeper.0 == first)
            .map(|sleeper| sleeper.1)
            .collect();
        due.into_iter().for_each(|id| self.wake(id));
        true
    }

    fn wake(&mut self, id: usize) {
        self.queue.push_back(Entry::Task(id));
    }

    /// Runs a task to its next suspension.
    fn resume(&mut self, id: usize) {
        let task = &mut self.tasks[id];
        let waited = std::mem::replace(&mut task.waits, Waits::No);
        let through = std::mem::take(&mut task.went_through);
        let is_passed_back = through
            && match waited {
                Waits::For(n) => self.promises[n].is_cancelled,
                Waits::Join(other) => self.tasks[other].is_cancelled,
                Waits::No | Waits::Asleep => false,
            };
        let task = &mut self.tasks[id];
        if std::mem::take(&mut task.must_cancel) || is_passed_back {
            match task.catches.pop() {
                Some(place) => task.at = place,
                None => {
                    task.is_cancelled = true;
                    let event = match task.has_begun {
                        true => Event::IsUnwound(id),
                        false => Event::NeverRan(id),
                    };
                    return self.end(id, event);
                }
            }
        }
        task.has_begun = true;
        while let Some(step) = self.tasks[id].script.get(self.tasks[id].at).cloned() {
            self.tasks[id].at += 1;
            match step {
                Step::Catch(end) => self.tasks[id].catches.push(end),
                Step::EndCatch => drop(self.tasks[id].catches.pop()),
                Step::Do(step, action) => {
                    self.events.push(Event::Does(id, step));
                    if self.act(id, step, action) {
                        return;
                    }
                }
            }
        }
        self.end(id, Event::Ends(id));
    }

    fn end(&mut self, id: usize, event: Event) {
        self.events.push(event);
        self.tasks[id].is_done = true;
        for joiner in std::mem::take(&mut self.tasks[id].joiners) {
            self.wake(joiner);
        }
        if id == 0 {
            self.queue.push_back(Entry::Stop);
        }
    }

    /// Executes an action; returns whether the task suspends.
    fn act(&mut self, id: usize, step: usize, action: Action) -> bool {
        let n_children = self.tasks[id].children.len();
        match action {
            Action::Yield => {
                self.wake(id);
                return true;
            }
            Action::Sleep(seconds) => {
                self.tasks[id].waits = Waits::Asleep;
                self.sleepers.push((self.now + seconds, id));
                return true;
            }
            Action::Spawn(script) => {
                let child = self.make(&script);
                self.tasks[id].children.push(child);
                self.wake(child);
            }
            Action::SpawnEager(script) => {
                let child = self.make(&script);
                self.resume(child);
                self.tasks[id].children.push(child);
            }
            Action::CallSoon => self.queue.push_back(Entry::Callback(id, step)),
            Action::Set(n) => self.complete(n, false),
            Action::AddDoneCallback(n) => {
                let callback = Entry::Callback(id, step);
                match self.promises[n].is_done {
                    true => self.queue.push_back(callback),
                    false => self.promises[n].waiting.push(callback),
                }
            }
            Action::Wait(n) if !self.promises[n].is_done => {
                self.tasks[id].waits = Waits::For(n);
                self.promises[n].waiting.push(Entry::Task(id));
                return true;
            }
            Action::Join(n) if n_children > 0 => {
                let child = self.tasks[id].children.remove(n % n_children);
                if !self.tasks[child].is_done {
                    self.tasks[id].waits = Waits::Join(child);
                    self.tasks[child].joiners.push(id);
                    return true;
                }
            }
            Action::Cancel(n) if n_children > 0 => {
                let child = self.tasks[id].children[n % n_children];
                self.cancel(child);
            }
            Action::Detach(n) if n_children > 0 => {
                self.tasks[id].children.remove(n % n_children);
            }
            Action::Wait(_) | Action::Join(_) | Action::Cancel(_) | Action::Detach(_) => (),
            Action::Inside(..) | Action::Catch(_) => unreachable!("laid out flat"),
        }
        false
    }

    /// Does nothing if the task is done.
    fn complete(&mut self, n: usize, is_cancelled: bool) {
        let promise = &mut self.promises[n];
        if promise.is_done {
            return;
        }
        promise.is_done = true;
        promise.is_cancelled = is_cancelled;
        let waiting = std::mem::take(&mut promise.waiting);
        self.queue.extend(waiting);
    }

    fn cancel(&mut self, id: usize) {
        let task = &self.tasks[id];
        if task.is_done || task.must_cancel {
            return;
        }
        match task.waits {
            Waits::Join(other) if !self.tasks[other].is_done => {
                self.tasks[id].went_through = true;
                self.cancel(other);
            }
            Waits::For(n) if !self.promises[n].is_done => {
                self.tasks[id].went_through = true;
                self.complete(n, true);
            }
            Waits::Asleep => {
                self.tasks[id].must_cancel = true;
                let before = self.sleepers.len();
                self.sleepers.retain(|sleeper| sleeper.1 != id);
                // A sleeper whose deadline has passed is in the queue.
                if self.sleepers.len() < before {
                    self.wake(id);
                }
            }
            Waits::No | Waits::For(_) | Waits::Join(_) => self.tasks[id].must_cancel = true,
        }
    }
}
