//! The wait list for permits in its simplest form: the reference of the random schedules.

use std::collections::VecDeque;

/// Permits, and the tasks that wait for some. Tasks are numbers.
#[derive(Debug)]
pub struct WaitList {
    pub n_free: usize,
    pub waiting: VecDeque<(usize, usize)>,
    /// Handed over, but the task has not run since.
    pub promised: Vec<(usize, usize)>,
    /// Woken without a permit.
    pub dismissed: Vec<usize>,
}

/// The outcome of a wait, according to the wait list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Turn {
    Promised,
    Dismissed,
    /// The task still has to wait.
    NotYet,
}

impl WaitList {
    pub fn new(n_free: usize) -> Self {
        Self {
            n_free,
            waiting: VecDeque::new(),
            promised: Vec::new(),
            dismissed: Vec::new(),
        }
    }

    /// Whether `n` permits are available at once.
    pub fn is_free(&self, n: usize) -> bool {
        self.waiting.is_empty() && n <= self.n_free
    }

    /// Requests `n` permits for a task. True if the task has them at once; otherwise it waits.
    pub fn ask(&mut self, task: usize, n: usize) -> bool {
        let is_free = self.is_free(n);
        match is_free {
            true => self.n_free -= n,
            false => self.waiting.push_back((task, n)),
        }
        is_free
    }

    pub fn give(&mut self, n: usize) {
        self.n_free += n;
        while let Some(&(_, n)) = self.waiting.front()
            && n <= self.n_free
        {
            self.n_free -= n;
            self.promised.extend(self.waiting.pop_front());
        }
    }

    pub fn dismiss_all(&mut self) {
        let tasks = self.waiting.drain(..).map(|(task, _)| task);
        self.dismissed.extend(tasks);
    }

    /// Resumes a task that had to wait.
    pub fn go_on(&mut self, task: usize) -> Turn {
        if take(&mut self.promised, |&(other, _)| other == task).is_some() {
            return Turn::Promised;
        }
        match take(&mut self.dismissed, |&other| other == task) {
            Some(_) => Turn::Dismissed,
            None => Turn::NotYet,
        }
    }

    /// Unwinds a task that had to wait.
    pub fn is_cancelled(&mut self, task: usize) {
        let promised = take(&mut self.promised, |&(other, _)| other == task);
        self.waiting.retain(|&(other, _)| other != task);
        self.dismissed.retain(|&other| other != task);
        self.give(promised.map_or(0, |(_, n)| n));
    }

    pub fn waits(&self, task: usize) -> bool {
        self.waiting.iter().any(|&(other, _)| other == task)
    }
}

fn take<T>(list: &mut Vec<T>, is_it: impl FnMut(&T) -> bool) -> Option<T> {
    let place = list.iter().position(is_it)?;
    Some(list.remove(place))
}
